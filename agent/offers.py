"""Signed offers (x402 offer-and-receipt): whether a seller's own key stands for the very terms that it asks for."""

from collections.abc import Callable
from datetime import datetime

from agent import receipts
from agent.challenge import names
from agent.decisions import Decision, deny
from agent.policy import Policy
from agent.store import Store
from agent.terms import Asked, Terms
from protocol.errors import ProtocolError
from protocol.offers import SignedOffer, offers_in
from protocol.wire import PaymentRequired

Keys = Callable[[str], tuple[str, ...]]
"""The receipt signers that count for an origin, the pinned one first; none that cannot be learnt. Asks the seller."""
_OF_KEYS = ("offer.signer", "offer.unknown")


def judged(
    policy: Policy, store: Store, required: PaymentRequired, terms: Terms, now: datetime, keys: Keys | None = None
) -> Decision | None:
    """What is wrong with a 402's offers, for terms that the policy allows; None where nothing is.

    The seller is asked for its keys, where `keys` are given, only if the pinned one does not do.
    """
    merchant, origin = policy.merchant(terms), terms.asked.origin
    needed = merchant is not None and merchant.signed_offers
    with store.begin() as connection:
        pinned = receipts.pinned_signer(connection, origin)
    known = () if pinned is None else (pinned,)
    found = objection(required, terms, known, int(now.timestamp()), needed=needed)
    if found is None or found.rule not in _OF_KEYS or keys is None:
        return found
    return objection(required, terms, keys(origin), int(now.timestamp()), needed=needed)


def objection(
    required: PaymentRequired, terms: Terms, signers: tuple[str, ...], now: int, *, needed: bool
) -> Decision | None:
    """The same by known keys, at Unix seconds. Without a key an offer must be signed by somebody, if none is needed.

    One false offer is enough, whichever entry it is for.
    """
    try:
        offers = offers_in(required.extensions)
        signed_by = {offer.signer() for offer in offers}
    except (ProtocolError, ValueError, OverflowError) as error:
        return deny("offer.malformed", f"an offer of the seller cannot be read, or its signature is none: {error}")
    if not all(_stands(offer, required, terms.asked, now) for offer in offers):
        return deny("offer.terms", "the seller has signed other terms than it asks for, or they have lapsed")
    if signers and not signed_by <= set(signers):
        other = min(signed_by - set(signers))
        return deny("offer.signer", f"an offer is signed by {other}; the merchant's key is {signers[0]}")
    if not needed:
        return None
    if not any(offer.payload.covers(terms.entry, now) for offer in offers):
        return deny("offer.missing", "the policy wants this merchant's signature under its terms, and there is none")
    if not signers:
        return deny("offer.unknown", "the merchant's key is not known, so its signature says nothing")
    return None


def _stands(offer: SignedOffer, required: PaymentRequired, asked: Asked, now: int) -> bool:
    """Whether it is for what was asked, and for one of the entries as they are, which its index may not even name."""
    covered = any(offer.payload.covers(entry, now) for entry in required.accepts)
    return covered and names(offer.payload.resource_url, asked)
