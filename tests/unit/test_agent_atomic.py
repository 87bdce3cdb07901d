"""Scheme delegate from the buyer's side: preferred where the policy names the executor, committed to, proven."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.errors import WalletError
from agent.wallet import sign_digest
from protocol import schemes
from protocol.delegate import Commitment
from protocol.headers import decode
from protocol.wire import PaymentPayload, PaymentRequirements
from tests.fakes.seller import CALLBACK, EXECUTOR, ORIGIN, World, account
from tests.stack.atomic import commitment
from tests.unit.test_agent_actions import CALL, FRIEND, LISTED, seller_of

URL = f"{ORIGIN}/v1/pass"
OTHER = account("stranger").address
BURN = "0xdeadbeef" + "00" * 32


def world_of(home: Path, **rules: str) -> World:
    world = World(home, **{"executors": f'"{EXECUTOR}"', "more": LISTED} | rules)
    world.seller.mode, world.seller.atomic = "DELEGATE", True
    return world


@pytest.fixture(params=["EIP-3009", "Permit2"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    made = world_of(tmp_path)
    made.seller.by_permit2 = request.param == "Permit2"
    made.seller.chain.allowed = 10**9
    return made


def sent(world: World) -> PaymentPayload:
    (header,) = world.seller.payments
    return decode(header, PaymentPayload)


def test_an_executor_in_the_policy_is_paid_before_the_delegate_wallet(world: World) -> None:
    outcome = world.buyer.buy(URL, "POST", json={})
    assert (outcome.status, outcome.proof, outcome.pay_to) == ("delivered", "proven", EXECUTOR)
    assert outcome.callback == outcome.settlement
    assert len(world.signer.signed) == 1
    paid = sent(world)
    assert paid.accepted.scheme == "delegate"
    schemes.check_signature(schemes.read(paid.accepted, paid.payload))
    entry = msgspec.to_builtins(paid.accepted)
    salt = bytes.fromhex(paid.payload["salt"][2:])
    if world.seller.by_permit2:
        permit = paid.payload["permit2Authorization"]
        until, nonce = permit["deadline"], int(permit["nonce"])
    else:
        authorization = paid.payload["authorization"]
        until, nonce = authorization["validBefore"], int(authorization["nonce"], 16)
    assert nonce == int.from_bytes(commitment(entry, world.signer.address, int(until), salt), "big")


def test_by_permit2_the_signer_sees_the_commitment_and_nothing_else(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    world.seller.by_permit2, world.seller.chain.allowed = True, 10**9
    assert world.buyer.buy(URL, "POST", json={}).proof == "proven"
    (committed,) = world.signer.signed
    assert isinstance(committed, Commitment)
    assert (committed.executor, committed.action.target) == (EXECUTOR, CALLBACK)
    assert sent(world).payload["permit2Authorization"]["spender"] == EXECUTOR


@pytest.mark.parametrize("form", ["sign_receive", "sign_commitment"])
def test_a_signer_that_was_told_otherwise_pays_nothing(tmp_path: Path, form: str) -> None:
    world = world_of(tmp_path)
    world.seller.by_permit2, world.seller.chain.allowed = form == "sign_commitment", 10**9
    setattr(world.signer, form, lambda *_told: sign_digest(account("buyer"), b"\1" * 32))
    with pytest.raises(WalletError, match="signed something else"):
        world.buyer.buy(URL, "POST", json={})
    assert world.seller.payments == []


def test_without_leave_for_permit2_nothing_is_signed_and_the_mend_is_named(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    world.seller.by_permit2 = True
    outcome = world.buyer.buy(URL, "POST", json={})
    assert (outcome.status, outcome.rule, world.signer.signed) == ("refused", "wallet.allowance", [])
    assert "paddock-agent allow" in outcome.detail


def test_without_an_executor_in_the_policy_the_standard_entry_is_paid(world: World) -> None:
    world.buyer = world.restarted(executors=f'"{OTHER}"')
    assert world.buyer.buy(URL, "POST", json={}).status == "delivered"
    assert sent(world).accepted.scheme == "exact"


def test_both_ways_may_follow_each_other_on_one_route(world: World) -> None:
    for atomic in (True, False, True):
        world.seller.atomic = atomic
        assert world.buyer.buy(URL, "POST", json={}).status == "delivered"
    assert [decode(one, PaymentPayload).accepted.scheme for one in world.seller.payments] == [
        "delegate",
        "exact",
        "delegate",
    ]


def test_chosen_calldata_is_committed_to_by_the_one_signature(world: World) -> None:
    seller_of(world)
    outcome = world.buyer.buy(URL, "POST", json={"calldata": CALL})
    assert (outcome.status, outcome.action, len(world.signer.signed)) == ("delivered", f"mintTo({FRIEND})", 1)
    read = schemes.read(sent(world).accepted, sent(world).payload)
    assert read.delegated is not None
    assert (read.delegated.target, read.delegated.calldata.hex()) == (CALLBACK, CALL[2:])


def sent_first(world: World) -> PaymentPayload:
    return decode(world.seller.payments[0], PaymentPayload)


HOSTILE: dict[str, tuple[str, dict[str, Any]]] = {
    "a2 another contract": ("mode.delegate.callback", {"callback": OTHER}),
    "a6 a call that nobody asked for": ("mode.delegate.calldata", {"calldata": CALL, "function": "mintTo(address)"}),
    "a2 for somebody else": ("mode.delegate.beneficiary", {"beneficiary": OTHER}),
    "a2 another flow": ("mode.delegate.flow", {"flow": "ERC20_3009"}),
    "a2 another function by that name": ("mode.delegate.function", {"calldata": BURN, "function": "mintTo(address)"}),
    "a2 a domain that is another token's": ("asset.domain", {"name": "Other"}),
}


@pytest.mark.parametrize(("rule", "changes"), HOSTILE.values(), ids=HOSTILE)
def test_a1_to_a6_hostile_atomic_terms_never_reach_the_signer(world: World, rule: str, changes: dict[str, Any]) -> None:
    def only_atomic(entry: PaymentRequirements) -> PaymentRequirements:
        extra = {name: value for name, value in (entry.extra | changes).items() if value is not None}
        return msgspec.structs.replace(entry, extra=extra)

    world.seller.alter = lambda entry: msgspec.structs.replace(entry, network="eip155:1")
    world.seller.alter_atomic = lambda entry: msgspec.structs.replace(only_atomic(entry), network="eip155:31337")
    asked = {"calldata": BURN} if "calldata" in changes and changes["calldata"] == BURN else {}
    outcome = world.buyer.buy(URL, "POST", json=asked)
    assert (outcome.status, outcome.rule) == ("refused", rule), outcome.detail
    assert world.signer.signed == []


def test_a2_by_eip3009_terms_without_the_tokens_domain_are_malformed(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    world.seller.alter = lambda entry: msgspec.structs.replace(entry, extra=entry.extra | {"name": None})
    outcome = world.buyer.buy(URL, "POST", json={})
    assert (outcome.status, outcome.rule, world.signer.signed) == ("refused", "terms.malformed", [])


def test_a3_an_executor_that_the_policy_does_not_name_is_refused(world: World) -> None:
    world.seller.alter = lambda entry: msgspec.structs.replace(entry, amount="1000001")
    world.seller.alter_atomic = lambda entry: msgspec.structs.replace(entry, pay_to=OTHER)
    outcome = world.buyer.buy(URL, "POST", json={})
    assert (outcome.status, outcome.rule, world.signer.signed) == ("refused", "limits.per_call", [])


def test_a18_a_seller_that_names_another_transaction_as_the_callback_is_unproven(world: World) -> None:
    honest = world.seller.chain.execute

    def without_the_call(payment: Any) -> str:
        transaction = honest(payment)
        world.seller.chain.mined[transaction]["logs"].pop()
        return str(transaction)

    world.seller.chain.execute = without_the_call  # type: ignore[method-assign]
    outcome = world.buyer.buy(URL, "POST", json={})
    assert (outcome.proof, "is not what this purchase's authorization set off" in outcome.detail) == ("mismatch", True)


def test_a18_by_permit2_the_executors_own_event_has_to_name_the_nonce(tmp_path: Path) -> None:
    """A seller shows a transaction with just such Transfers, and the nonce is used: by another one."""
    world = world_of(tmp_path)
    world.seller.by_permit2, world.seller.chain.allowed = True, 10**9
    honest = world.seller.chain.execute

    def by_somebody_else(payment: Any) -> str:
        transaction = honest(payment)
        event = world.seller.chain.mined[transaction]["logs"][0]
        event["address"] = OTHER.lower()
        world.seller.chain.inputs[transaction] = "0x" + payment.nonce.hex()
        return str(transaction)

    world.seller.chain.execute = by_somebody_else  # type: ignore[method-assign]
    outcome = world.buyer.buy(URL, "POST", json={})
    assert (outcome.proof, "by this purchase's permit" in outcome.detail) == ("mismatch", True)


def test_g7_by_permit2_nothing_is_released_in_the_last_second_in_which_it_can_be_spent(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    world.seller.by_permit2, world.seller.chain.allowed = True, 10**9
    world.seller.paid.extend(["402"] * 99)
    bought = world.buyer.buy(URL, "POST", json={})
    until = int(sent_first(world).payload["permit2Authorization"]["deadline"])
    clock = world.seller.clock
    clock.sleep(until - clock.now().timestamp())
    assert [one.status for one in (bought, *world.buyer.resume())] == ["in_doubt", "in_doubt"]
    clock.sleep(1)
    assert world.buyer.resume()[0].status == "failed"
