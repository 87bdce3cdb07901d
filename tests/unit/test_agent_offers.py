"""Signed offers: a seller's false signature, or a missing one where the policy wants it, costs it the purchase."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from agent.wallet import sign_digest
from protocol.offers import EXTENSION, Offer, SignedOffer, declaration, offer_of
from protocol.wire import PaymentRequirements
from tests.fakes.seller import ORIGIN, World, account

URL = f"{ORIGIN}/v1/echo"
OTHER = account("stranger").address
WANTED = {"more": "signed_offers = true"}
Terms = list[PaymentRequirements]


def signed(offer: Offer, by: str = "receipts", index: int = 0) -> SignedOffer:
    signature = "0x" + sign_digest(account(by), offer.digest()).hex()
    return SignedOffer(accept_index=index, payload=offer, signature=signature)


def told(*offers: SignedOffer) -> dict[str, Any]:
    return {EXTENSION: declaration(offers)}


def offering(by: str = "receipts", until: int = 0, **changes: Any) -> Callable[[Terms, str], dict[str, Any]]:
    """Offers for all entries, by a key; `changes` are what is signed in place of the truth."""

    def extensions(entries: Terms, url: str) -> dict[str, Any]:
        true = [offer_of(entry, url.partition("?")[0], until) for entry in entries]
        return told(*(signed(msgspec.structs.replace(one, **changes), by, i) for i, one in enumerate(true)))

    return extensions


def broken(entries: Terms, url: str) -> dict[str, Any]:
    """The truth with a signature that is none."""
    found = offering()(entries, url)
    found[EXTENSION]["info"]["offers"][0]["signature"] = "0x" + "00" * 65
    return found


def twice(entries: Terms, url: str) -> dict[str, Any]:
    """The truth, and beside it something else."""
    true = offer_of(entries[0], url, 0)
    return told(signed(true), signed(msgspec.structs.replace(true, amount="1"), index=1))


def shapeless(entries: Terms, url: str) -> dict[str, Any]:
    return {EXTENSION: {"info": {"offers": [{"format": "eip712", "payload": "trust me"}]}}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


FALSE = {
    "another amount": (offering(amount="40000"), "offer.terms"),
    "another recipient": (offering(pay_to=OTHER), "offer.terms"),
    "another token": (offering(asset=OTHER), "offer.terms"),
    "another network": (offering(network="eip155:1"), "offer.terms"),
    "another scheme": (offering(scheme="upto"), "offer.terms"),
    "another resource": (offering(resource_url=f"{ORIGIN}/v1/other"), "offer.terms"),
    "an offer that lapsed": (offering(until=1_600_000_000), "offer.terms"),
    "something else beside the truth": (twice, "offer.terms"),
    "a signature that is none": (broken, "offer.malformed"),
    "no offer at all": (shapeless, "offer.malformed"),
}


@pytest.mark.parametrize("rules", [{}, WANTED], ids=["not asked for", "wanted"])
@pytest.mark.parametrize("name", FALSE)
def test_a22_a_false_offer_is_refused_with_no_signature(tmp_path: Path, name: str, rules: dict[str, str]) -> None:
    world = World(tmp_path, **rules)
    world.seller.offers, rule = FALSE[name]
    outcome = world.buyer.buy(URL)
    assert (outcome.status, outcome.rule) == ("refused", rule), outcome.detail
    assert (world.signer.signed, world.seller.payments) == ([], [])


@pytest.mark.parametrize("rules", [{}, WANTED], ids=["not asked for", "wanted"])
def test_a22_an_offer_by_another_key_than_the_pinned_one_is_refused(tmp_path: Path, rules: dict[str, str]) -> None:
    world = World(tmp_path, **rules)
    world.seller.offers = offering()
    assert world.buyer.buy(URL).proof == "proven"
    world.seller.offers, count = offering("stranger"), len(world.signer.signed)
    outcome = world.buyer.buy(f"{URL}?n=2")
    assert (outcome.status, outcome.rule, len(world.signer.signed)) == ("refused", "offer.signer", count)


def test_honest_offers_are_bought_from_whether_they_were_asked_for_or_not(world: World) -> None:
    for number, rules in enumerate(({}, WANTED)):
        world.seller.offers = offering(until=2_000_000_000)
        outcome = world.restarted(**rules).buy(f"{URL}?n={number}")
        assert (outcome.status, outcome.proof) == ("delivered", "proven"), outcome.detail


def test_the_order_of_offers_and_their_indices_say_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, executors=f'"{OTHER}"', **WANTED)
    world.seller.mode, world.seller.atomic = "DELEGATE", True

    def swapped(entries: Terms, url: str) -> dict[str, Any]:
        return told(*(signed(offer_of(entry, url, 0), index=0) for entry in reversed(entries)))

    world.seller.offers = swapped
    assert world.buyer.buy(URL).status == "delivered"


def missing(entries: Terms, url: str) -> None:
    return None


def in_another_format(entries: Terms, url: str) -> dict[str, Any]:
    return {EXTENSION: {"info": {"offers": [{"format": "jws", "signature": "e30.e30."}]}}}


@pytest.mark.parametrize("offers", [missing, in_another_format])
def test_a22_a_merchant_that_must_sign_and_does_not_is_paid_nothing(
    world: World, offers: Callable[[Terms, str], Any]
) -> None:
    world.seller.offers = offers
    refused = world.restarted(**WANTED).buy(URL)
    assert (refused.status, refused.rule, world.signer.signed) == ("refused", "offer.missing", [])
    assert world.buyer.buy(f"{URL}?n=2").status == "delivered"


def test_a22_an_offer_for_another_entry_is_none_for_the_one_that_is_paid(tmp_path: Path) -> None:
    world = World(tmp_path, **WANTED)
    world.seller.mode, world.seller.atomic = "DELEGATE", True
    world.seller.offers = lambda entries, url: told(signed(offer_of(entries[1], url, 0), index=1))
    outcome = world.buyer.buy(URL)
    assert (outcome.rule, world.signer.signed) == ("offer.missing", [])


def test_a22_a_signature_by_nobody_known_does_not_do_for_a_merchant_that_must_sign(world: World) -> None:
    world.seller.publishes, world.seller.offers = (), offering()
    outcome = world.restarted(**WANTED).buy(URL)
    assert (outcome.rule, world.signer.signed) == ("offer.unknown", [])
    assert world.buyer.buy(f"{URL}?n=2").status == "delivered"


def test_a_client_that_asks_nobody_needs_the_key_to_be_pinned_before(world: World) -> None:
    world.seller.offers = offering()
    agent = world.restarted(**WANTED)

    def status() -> int:
        with httpx.Client(transport=world.seller.transport, auth=agent.auth()) as client:
            return client.get(f"{URL}?n=1").status_code

    assert (status(), world.signer.signed) == (402, [])
    assert agent.buy(URL).proof == "proven"
    assert (status(), len(world.signer.signed)) == (200, 2)


def test_a_rotated_key_counts_while_the_seller_owns_up_to_the_pinned_one(world: World) -> None:
    world.seller.offers = offering()
    agent = world.restarted(**WANTED)
    assert agent.buy(URL).proof == "proven"
    world.seller.signer, world.seller.offers = "stranger", offering("stranger")
    world.seller.publishes = ("stranger",)
    assert agent.buy(f"{URL}?n=2").rule == "offer.signer"
    world.seller.publishes = ("stranger", "receipts")
    assert agent.buy(f"{URL}?n=3").status == "delivered"


def test_what_waits_for_a_person_is_judged_before_they_are_asked(tmp_path: Path) -> None:
    world = World(tmp_path, above="0.01")
    world.seller.offers = offering(amount="1")
    assert world.buyer.buy(URL).rule == "offer.terms"


def test_explaining_says_what_the_checkout_would(world: World) -> None:
    world.seller.offers = offering(amount="1")
    [explained] = world.buyer.explain(URL)
    assert (explained.decision.rule, explained.findings[-1].rule) == ("offer.terms", "offer")
    world.seller.offers = offering()
    [explained] = world.buyer.explain(URL)
    assert [one.rule for one in explained.findings[-2:]] == ["offer", "permission"]
    assert world.signer.signed == []
