"""What a DELEGATE purchase would make a contract do: decoded by the policy's own list, shown, signed; or refused."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent import approvals
from agent.errors import PolicyError
from agent.policy_file import parse
from protocol.actions import EXTENSION, Action
from protocol.functions import Function
from protocol.headers import PAYMENT_SIGNATURE, decode
from protocol.signatures import parse_hex, recover
from protocol.typed_data import Transfer, order_nonce
from protocol.wire import PaymentPayload, PaymentRequirements
from tests.fakes.seller import CALLBACK, ORIGIN, TOKEN, World, account, policy
from tests.stack.choosing import mint_to

URL = f"{ORIGIN}/v1/pass"
FRIEND, OTHER = account("merchant").address, account("stranger").address
CALL = mint_to(FRIEND)
LISTED = f'[[merchants.actions]]\ncontract = "{CALLBACK}"\nfunctions = ["burn(uint256)", "mintTo(address)"]'
WITHDRAW = "0x" + (Function("withdraw(address)").selector + bytes.fromhex(CALL[10:])).hex()


def seller_of(world: World, **changes: Any) -> None:
    """A 402 for chosen calldata as our server gives it, with changes to `extra`."""
    world.seller.mode = "DELEGATE"

    def alter(entry: PaymentRequirements) -> PaymentRequirements:
        chosen = {
            "calldata": CALL,
            "function": "mintTo(address)",
            "beneficiary": "calldata",
            "calldataDeadline": str(int(entry.extra["expiresAt"]) + 900),
        }
        extra = {name: value for name, value in (entry.extra | chosen | changes).items() if value is not None}
        return msgspec.structs.replace(entry, extra=extra)

    world.seller.alter = alter


@pytest.fixture(params=["EIP-3009", "Permit2"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    made = World(tmp_path, more=LISTED)
    made.seller.by_permit2 = request.param == "Permit2"
    made.seller.chain.allowed = 10**9
    seller_of(made)
    return made


def buy(world: World, calldata: str | None = CALL) -> Any:
    return world.buyer.buy(URL, "POST", json={} if calldata is None else {"calldata": calldata})


def test_a_listed_call_is_signed_beside_the_payment_and_shown(world: World) -> None:
    outcome = buy(world)
    assert (outcome.status, outcome.contract, outcome.action) == ("delivered", CALLBACK, f"mintTo({FRIEND})")
    action, _ = world.signer.signed
    assert isinstance(action, Action)
    (sent,) = world.seller.payments
    paid = decode(sent, PaymentPayload)
    assert paid.extensions is not None
    given = parse_hex(paid.extensions[EXTENSION]["info"]["signature"], "signature", 65)
    quote, deadline = paid.accepted.extra["quoteId"], int(paid.accepted.extra["calldataDeadline"])
    expected = Action(
        chain_id=31337,
        contract=CALLBACK,
        token=TOKEN,
        owner=paid.accepted.pay_to,
        payer=world.signer.address,
        amount=int(paid.accepted.amount),
        order=order_nonce(quote),
        deadline=deadline,
        calldata=bytes.fromhex(CALL[2:]),
        by_permit2=world.seller.by_permit2,
    )
    assert recover(expected.digest(), given) == world.signer.address
    assert PAYMENT_SIGNATURE.lower() not in str(outcome.summary()).lower()


def test_the_base_action_needs_no_list_and_is_shown_in_words(world: World) -> None:
    world.buyer = world.restarted()
    world.seller.alter = lambda entry: entry
    outcome = buy(world, None)
    assert (outcome.status, outcome.action, len(world.signer.signed)) == (
        "delivered",
        "what the contract does by itself, for the payer",
        1,
    )


HOSTILE: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "a2 an unlisted function": (
        "mode.delegate.function",
        {"calldata": WITHDRAW, "function": "withdraw(address)"},
        WITHDRAW,
    ),
    "a2 an unlisted function by a listed name": ("mode.delegate.function", {"calldata": WITHDRAW}, WITHDRAW),
    "a2 a selector that nobody knows": ("mode.delegate.function", {"calldata": "0xdeadbeef"}, "0xdeadbeef"),
    "a2 a listed function by another name": ("mode.delegate.function", {"function": "safe(address)"}, CALL),
    "a2 a listed function without a name": ("mode.delegate.function", {"function": None}, CALL),
    "a6 another call than was asked for": ("mode.delegate.calldata", {"calldata": mint_to(OTHER)}, CALL),
    "a6 a call that nobody asked for": ("mode.delegate.calldata", {}, None),
    "a6 no call where one was asked for": ("mode.delegate.calldata", {"calldata": None, "beneficiary": "payer"}, CALL),
    "a2 arguments in a second spelling": ("mode.delegate.arguments", {"calldata": CALL + "00"}, CALL + "00"),
    "a14 a deadline a year ahead": ("mode.delegate.deadline", {"calldataDeadline": "1803902400"}, CALL),
    "a14 no deadline": ("mode.delegate.deadline", {"calldataDeadline": None}, CALL),
    "a2 calldata that is no hex": ("terms.malformed", {"calldata": "mintTo"}, CALL),
    "a2 another contract": ("mode.delegate.callback", {"callback": OTHER}, CALL),
}


@pytest.mark.parametrize(("rule", "changes", "asked"), HOSTILE.values(), ids=HOSTILE)
def test_a1_to_a6_what_policy_does_not_list_is_refused_and_the_signer_never_called(
    world: World, rule: str, changes: dict[str, Any], asked: str | None
) -> None:
    seller_of(world, **changes)
    outcome = buy(world, asked)
    assert (outcome.status, outcome.rule) == ("refused", rule), outcome.detail
    assert (world.signer.signed, world.seller.payments) == ([], [])


@pytest.mark.parametrize("flow", ["ERC20_3009", "ERC20_APPROVE_XFER", "ATOMIC"])
def test_a2_the_flow_of_the_other_way_to_move_the_token_is_refused(world: World, flow: str) -> None:
    seller_of(world, flow=flow)
    own = "ERC20_APPROVE_XFER" if world.seller.by_permit2 else "ERC20_3009"
    outcome = buy(world)
    assert (outcome.status, outcome.rule == "mode.delegate.flow") == (
        ("delivered", False) if flow == own else ("refused", True)
    )


def test_what_the_delegate_wallet_gave_back_is_proven_by_the_orders_nonce(world: World) -> None:
    world.seller.paid.append("undone")
    outcome = buy(world)
    assert (outcome.status, outcome.proof) == ("refunded", "proven")


@pytest.mark.parametrize("paid", ["ok", "undone"])
def test_a18_a_payout_or_refund_of_another_order_proves_nothing(world: World, paid: str) -> None:
    """The right Transfer, by the right wallet, in a transaction that is about something else."""
    world.seller.paid.append(paid)
    chain, made = world.seller.chain, world.seller._move

    def of_another_order(transfer: Transfer) -> str:
        transaction = made(transfer._replace(nonce=order_nonce("another")))
        chain.used.add((transfer.payer, "0x" + transfer.nonce.hex()))
        return transaction

    world.seller._move = of_another_order  # type: ignore[method-assign]
    outcome = buy(world)
    assert "is not of this order" in outcome.detail
    assert outcome.proof != "proven"


def test_a_refusal_names_the_function_and_what_the_seller_calls_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    seller_of(world)
    outcome = buy(world)
    assert outcome.rule == "mode.delegate.function"
    assert f"0x755edd17 of {CALLBACK}, which the seller calls mintTo(address)" in outcome.detail


def test_a_list_for_another_contract_counts_for_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, more=LISTED.replace(CALLBACK, OTHER))
    seller_of(world)
    assert buy(world).rule == "mode.delegate.function"


def test_a6_an_approval_covers_the_calldata_and_shows_the_call(world: World) -> None:
    world.seller.amount = 600_000
    waiting = buy(world)
    assert waiting.status == "waiting"
    with world.buyer.store.begin() as connection:
        asked = approvals.approval(connection, waiting.purchase_id)
        approvals.approve(connection, asked.id, account("approver"), world.seller.clock.now())
    assert (asked.terms.calldata, asked.terms.action) == (CALL, f"mintTo({FRIEND})")
    other = msgspec.structs.replace(asked.terms, calldata=mint_to(OTHER))
    assert other.digest() != asked.terms.digest()
    (bought,) = world.buyer.resume(waiting.purchase_id)
    assert (bought.status, len(world.signer.signed)) == ("delivered", 2)


@pytest.mark.parametrize("function", ["mintTo", "mintTo(address )", "mintTo(addr)", "(address)", "mintTo(address) x"])
def test_a_policy_with_a_function_that_is_none_names_the_key(function: str) -> None:
    text = policy(more=LISTED.replace("mintTo(address)", function))
    with pytest.raises(PolicyError, match=r"merchants\[0\]\.actions\[0\]\.functions"):
        parse(text)
