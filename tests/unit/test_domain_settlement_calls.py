"""How an executor is called to settle a payment, and by which contracts' errors a failed settlement explains itself."""

from dataclasses import replace

import pytest

from protocol.functions import Function
from protocol.payment import Delegated, Method
from scripts.accounts import account
from server.domain.market import EXECUTOR, Asset, Contract, Market
from server.domain.settlement_calls import errors_of, settlement_call
from tests.unit.protocol_samples import ASSET, PAYER, paid
from tests.unit.protocol_samples import read as read_payment

PAYMENT = "(address,address,uint256,address,bytes,bytes32,bytes32,uint256,bytes32)"
EXECUTES, TARGET, OTHER = (account(name).address for name in ("settler", "receipts", "float"))


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
    },
)


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
    payment = delegated(method=Method.PERMIT2, domain=None)
    assert executed(payment, "executePermit2", "bytes") == [payment.signature]


def names(payment):
    return [one["name"] for one in errors_of(MARKET, payment)]


def test_an_execution_fails_by_an_error_of_the_executor_or_of_its_target_and_of_no_other_contract():
    assert names(delegated()) == ["NotListed", "SoldOut", "Closed"]


def test_by_permit2_its_errors_are_known_too():
    permit = {"method": Method.PERMIT2, "domain": None}
    alone = names(delegated(**permit, delegated=None))
    assert "InvalidNonce" in alone
    assert names(delegated(**permit)) == [*names(delegated()), *alone]


def test_a_plain_payment_runs_nothing_beside_the_token():
    assert names(read_payment(paid())) == []
