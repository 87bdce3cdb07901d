"""Offer: sign the terms of a route, once a minute however often it is asked."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from protocol.offers import Offer, SignedOffer, declaration, offer_of
from protocol.wire import PaymentRequirements
from server.application.paddock import Paddock
from server.ports import TransactionSigner
from server.services.service import Service

MINUTE = 60
KEPT = 1024
"""Signed sets of offers that are kept: one for each service, URL and minute; the oldest go first."""


async def offers(
    paddock: Paddock, service: Service, url: str, accepts: Sequence[PaymentRequirements]
) -> dict[str, Any]:
    """The extension offer-receipt of a 402: one signed offer for each entry of `accepts`.

    It is for `url`, the route without its query, and outlives every quote given within its minute and the next.
    """
    now = int(paddock.clock.now().timestamp())
    valid_until = (now // MINUTE + 2) * MINUTE + service.quote_seconds
    unsigned = tuple(offer_of(entry, url, valid_until) for entry in accepts)
    name = paddock.receipts, unsigned
    known = _SIGNED.get(name)
    if known is None:
        known = _SIGNED[name] = await _sign(paddock.receipts, unsigned)
        while len(_SIGNED) > KEPT:
            _SIGNED.popitem(last=False)
    return known


def route(service: Service, origin: str) -> str:
    """The paid route in its one spelling: what was asked may have a query, or spell the path in other ways."""
    return f"{origin}/v1/{service.slug}"


_SIGNED: OrderedDict[tuple[TransactionSigner, tuple[Offer, ...]], dict[str, Any]] = OrderedDict()
"""By the key and what it signs, so a changed price or key is signed at once."""


async def _sign(key: TransactionSigner, unsigned: Sequence[Offer]) -> dict[str, Any]:
    return declaration(
        [
            SignedOffer(
                accept_index=index, payload=offer, signature="0x" + (await key.sign_digest(offer.digest())).hex()
            )
            for index, offer in enumerate(unsigned)
        ]
    )
