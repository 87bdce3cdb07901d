"""Buying from sellers of x402 v1: the same rules, budgets and proof, in their words."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from agent import Buyer, Settings
from agent.policy import Policy
from agent.policy_file import parse
from agent.replay import replay
from protocol.wire_v1 import PaymentRequiredV1
from tests.fakes.buyer_chain import NETWORK, RPC, TOKEN
from tests.fakes.legacy_seller import LegacySeller
from tests.fakes.seller import ORIGIN, World, account, policy

URL = f"{ORIGIN}/v1/echo"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def legacy(world: World) -> LegacySeller:
    """The world's seller, who speaks v1 now, and gives no receipt."""
    world.seller.gives_receipt, world.seller.publishes = False, ()
    legacy = LegacySeller(world.seller)
    settings = Settings(home=world.home, rpc=RPC, policy_text=policy(), finality="latest")
    world.buyer = Buyer(settings, signer=world.signer, clock=world.seller.clock, transport=legacy.transport)
    return legacy


def test_a_v1_seller_is_paid_in_its_words_and_the_chain_proves_it(world: World, legacy: LegacySeller) -> None:
    outcome = world.buyer.buy(URL)
    assert (outcome.status, outcome.proof, outcome.body) == ("delivered", "no_receipt", world.seller.body)
    assert outcome.settlement is not None
    (paid,) = legacy.paid
    assert (paid.x402_version, paid.scheme, paid.network) == (1, "exact", "paddock-devnet")
    assert world.buyer.budgets(NETWORK, TOKEN)["limits.per_day"].spent == 50_000


def test_a8_a_lost_answer_of_a_v1_seller_is_asked_for_with_the_same_bytes(world: World, legacy: LegacySeller) -> None:
    world.seller.paid.append("reset")
    outcome = world.buyer.buy(URL)
    assert outcome.status == "delivered"
    assert len(legacy.paid) == 2
    assert legacy.paid[0] == legacy.paid[1]
    assert len(world.signer.signed) == 1


def first(**changes: object) -> Callable[[PaymentRequiredV1], PaymentRequiredV1]:
    """Changes of the first entry."""

    def alter(required: PaymentRequiredV1) -> PaymentRequiredV1:
        entry, *others = required.accepts
        return msgspec.structs.replace(required, accepts=[msgspec.structs.replace(entry, **changes), *others])

    return alter


@pytest.mark.parametrize(
    ("rule", "alter"),
    [
        ("limits.per_call", first(max_amount_required="1000001")),
        ("terms.malformed", first(max_amount_required="5e4")),
        ("asset.unknown", first(asset=account("stranger").address)),
        ("network.unknown", first(network="base")),
        ("terms.malformed", first(network="the moon")),
        ("recipient.zero", first(pay_to="0x" + "0" * 40)),
        ("terms.resource", first(resource=f"{ORIGIN}/v1/other")),
        ("terms.malformed", first(extra=None)),
        ("terms.unsupported", first(scheme="streaming")),
        ("terms.malformed", lambda required: msgspec.structs.replace(required, accepts=[])),
        ("terms.missing", lambda required: msgspec.structs.replace(required, x402_version=3)),
        (
            "terms.unsupported",
            first(extra={"name": "TestUSD", "version": "1", "mode": "DELEGATE", "flow": "ERC20_3009"}),
        ),
    ],
)
def test_a1_hostile_terms_of_a_v1_seller_are_refused_before_the_signer_is_called(
    world: World, legacy: LegacySeller, rule: str, alter: Callable[[PaymentRequiredV1], PaymentRequiredV1]
) -> None:
    legacy.alter = alter
    outcome = world.buyer.buy(URL)
    assert (outcome.status, outcome.rule) == ("refused", rule)
    assert world.signer.signed == []


def test_an_entry_for_another_resource_than_the_first_ones_is_not_paid(world: World, legacy: LegacySeller) -> None:
    def smuggle(required: PaymentRequiredV1) -> PaymentRequiredV1:
        (entry,) = required.accepts
        unpayable = msgspec.structs.replace(entry, asset=account("stranger").address)
        other = msgspec.structs.replace(entry, resource=f"{ORIGIN}/v1/other")
        return msgspec.structs.replace(required, accepts=[unpayable, other])

    legacy.alter = smuggle
    assert world.buyer.buy(URL).rule == "asset.unknown"
    assert world.signer.signed == []


def test_a_seller_that_speaks_both_is_paid_in_v2(tmp_path: Path) -> None:
    world = World(tmp_path)
    honest = world.seller.handle_unpaid

    def both(request: object) -> object:
        answer = honest(request)  # type: ignore[arg-type]
        return type(answer)(402, headers=answer.headers, json=msgspec.to_builtins(PaymentRequiredV1(accepts=[])))

    world.seller.handle_unpaid = both  # type: ignore[assignment]
    assert world.buyer.buy(URL).status == "delivered"
    assert len(world.seller.payments) == 1


def test_purchases_from_v1_sellers_are_replayed_too(world: World, legacy: LegacySeller) -> None:
    world.buyer.buy(URL)
    (one,) = replay(world.buyer.store, Policy(parse(policy(per_call="0.01"))))
    assert one.decision.rule == "limits.per_call"
