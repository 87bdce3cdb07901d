"""Which contract settles a payment and how it is called, for how much gas, and by which errors it explains itself."""

from dataclasses import replace

import pytest

from protocol.erc6492 import Wrapped, wrap
from protocol.errors import ProtocolError
from protocol.functions import Function
from protocol.payment import EXACT_PROXY, Delegated, Method
from scripts.accounts import account
from server.domain.market import EXECUTOR, Asset, Contract, Market
from server.domain.payment_calls import MOST_WALLET_GAS
from server.domain.settlement_calls import MOST_MAKING_GAS, WALLET_SETTLER, errors_of, most_gas, settlement_call
from tests.unit.protocol_samples import ASSET, PAYER, paid
from tests.unit.protocol_samples import read as read_payment

PAYMENT = "(address,address,uint256,address,bytes,bytes32,bytes32,uint256,bytes32)"
EXECUTES, TARGET, OTHER = (account(name).address for name in ("settler", "receipts", "float"))
MAKES, FACTORY = (account(name).address for name in ("delegate", "stranger"))
WRAPPED = wrap(Wrapped(FACTORY, b"make it", b"signature"))


BY_PERMIT2 = {"method": Method.PERMIT2, "domain": None}


def error(name):
    return {"type": "error", "name": name, "inputs": []}


MARKET = Market(
    31337,
    (Asset(ASSET, "USDC", "2", 6, "USDC"),),
    account("delegate").address,
    {
        EXECUTOR: Contract(EXECUTES, (error("NotListed"),)),
        "Pass": Contract(TARGET, (error("SoldOut"), error("Closed"))),
        "Other": Contract(OTHER, (error("Unrelated"),)),
        WALLET_SETTLER: Contract(MAKES, ()),
    },
    frozenset({FACTORY}),
)


def plain(**changes):
    """A payment by its payer's key, or otherwise."""
    return replace(read_payment(paid()), **changes)


def delegated(**changes):
    """A payment by its payer's key that the executor hands to a target."""
    action = Delegated(TARGET, b"\x01\x02", b"\x03" * 32, b"\x04" * 32, b"\x05" * 32)
    usual = {"scheme": "delegate", "to": EXECUTES, "delegated": action}
    return replace(read_payment(paid()), **usual | changes)


def executed(payment, name, kinds):
    """What the executor is told: the payment, and how its signature is given."""
    to, data = settlement_call(MARKET, payment, payment.value)
    assert to == EXECUTES
    terms, *signature = Function(f"{name}({PAYMENT},{kinds})").read(data)
    assert terms[:3] == (PAYER.address.lower(), ASSET.lower(), payment.value)
    return signature


def test_a_keys_signature_is_given_in_the_form_that_every_token_has():
    payment = delegated()
    v, r, s = executed(payment, "executeEip3009", "uint8,bytes32,bytes32")
    assert r + s + bytes([v]) == payment.signature


@pytest.mark.parametrize("signature", [b"\x11" * 64 + b"\x1b", b"\x11" * 64, b"\x11" * 130], ids=len)
def test_any_other_signature_is_given_whole_for_the_payers_code_to_judge(signature):
    assert executed(delegated(signature=signature), "executeEip3009Bytes", "bytes") == [signature]


def test_a_permits_signature_is_given_whole_also_by_a_key():
    payment = delegated(**BY_PERMIT2)
    assert executed(payment, "executePermit2", "bytes") == [payment.signature]


@pytest.mark.parametrize(
    ("payment", "to", "gas"),
    [
        (plain(), ASSET, MOST_WALLET_GAS),
        (plain(signature=b"s" * 100), ASSET, MOST_WALLET_GAS),
        (plain(signature=WRAPPED), MAKES, MOST_WALLET_GAS + MOST_MAKING_GAS),
        (plain(**BY_PERMIT2), EXACT_PROXY, MOST_WALLET_GAS),
        (plain(signature=WRAPPED, **BY_PERMIT2), EXACT_PROXY, MOST_WALLET_GAS),
        (delegated(), EXECUTES, MARKET.execution_gas),
        (delegated(signature=WRAPPED), EXECUTES, MARKET.execution_gas),
        (delegated(signature=WRAPPED, **BY_PERMIT2), EXECUTES, MARKET.execution_gas),
    ],
    ids=[
        "by a key",
        "by a wallet",
        "by a wallet to be",
        "by Permit2",
        "by Permit2 and a wallet to be",
        "executed",
        "executed for a wallet to be",
        "executed by Permit2 for a wallet to be",
    ],
)
def test_a_payment_is_settled_by_one_contract_and_may_use_so_much_gas_there(payment, to, gas):
    """A wallet is made for a payment by EIP-3009 alone, and never by the executor."""
    assert settlement_call(MARKET, payment, payment.value)[0] == to
    assert most_gas(MARKET, payment) == gas


def test_a_wallet_is_made_by_the_call_of_its_factory_and_its_own_signature_handed_on():
    terms = "(address,address,address,uint256,uint256,uint256,bytes32,bytes)"
    _, data = settlement_call(MARKET, plain(signature=WRAPPED), 50_000)
    factory, call, (token, payer, *_, signature) = Function(f"settle(address,bytes,{terms})").read(data)
    assert (factory, token, payer) == (FACTORY.lower(), ASSET.lower(), PAYER.address.lower())
    assert (call, signature) == (b"make it", b"signature")


@pytest.mark.parametrize(
    ("market", "reason"),
    [
        (replace(MARKET, factories=frozenset({OTHER})), "eip6492_factory_not_allowed"),
        (replace(MARKET, contracts={}), "invalid_exact_evm_payload_undeployed_smart_wallet"),
    ],
    ids=["another factory", "no settler"],
)
def test_no_wallet_is_made_by_a_factory_that_is_not_listed_or_without_its_settler(market, reason):
    with pytest.raises(ProtocolError) as caught:
        settlement_call(market, plain(signature=WRAPPED), 50_000)
    assert caught.value.reason == reason


def names(payment):
    return [one["name"] for one in errors_of(MARKET, payment)]


def test_an_execution_fails_by_an_error_of_the_executor_or_of_its_target_and_of_no_other_contract():
    assert names(delegated()) == ["NotListed", "SoldOut", "Closed"]


def test_by_permit2_its_errors_are_known_too():
    alone = names(delegated(**BY_PERMIT2, delegated=None))
    assert "InvalidNonce" in alone
    assert names(delegated(**BY_PERMIT2)) == [*names(delegated()), *alone]


def test_a_plain_payment_runs_nothing_beside_the_token():
    assert names(read_payment(paid())) == []
