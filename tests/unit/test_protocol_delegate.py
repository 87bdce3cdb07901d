"""Scheme delegate on the wire: the nonce is the commitment to exactly the terms, by vectors made without our code."""

import msgspec
import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak

from protocol import schemes
from protocol.delegate import TYPE
from protocol.errors import ProtocolError
from protocol.payment import PERMIT2, Method
from protocol.typed_data import RECEIVE_TYPE, authorization_digest
from protocol.wire import PaymentRequirements
from tests.stack import atomic
from tests.stack.atomic import pay_atomic
from tests.stack.buyer import changed, mutations

PAYER = Account.from_key("0x" + "11" * 32)
ENTRY = {
    "scheme": "delegate",
    "network": "eip155:31337",
    "amount": "1000000",
    "asset": "0x5FbDB2315678afecb367f032d93F642f64180aa3",
    "payTo": "0xCf7Ed3AccA5a467e9e704C703E8D87F634fB0Fc9",
    "maxTimeoutSeconds": 120,
    "extra": {
        "name": "USDC",
        "version": "2",
        "quote": "1.afu2iksaab4ltdjyahnb335kvovxttmj.mac",
        "callback": "0xDc64a140Aa3E981100a9becA4E685f962f0cF6C9",
        "calldata": "0x755edd17" + "00" * 12 + "22" * 20,
    },
}


BY_PERMIT2 = ENTRY | {"extra": ENTRY["extra"] | {"assetTransferMethod": "permit2"}}
UNTIL = 1_775_001_600


class Quoted:
    def __init__(self, entry):
        self.required = {"accepts": [entry], "resource": {"url": "http://x"}}


PAID = pay_atomic(PAYER, Quoted(ENTRY), UNTIL)
PERMITTED = pay_atomic(PAYER, Quoted(BY_PERMIT2), UNTIL)
both = pytest.mark.parametrize("paid", [PAID, PERMITTED], ids=["EIP-3009", "Permit2"])


def read(paid):
    return schemes.read(msgspec.convert(paid["accepted"], PaymentRequirements), paid["payload"])


@both
def test_a_payment_is_read_as_what_it_commits_to(paid):
    payment = read(paid)
    schemes.check_signature(payment)
    assert payment.delegated.target == ENTRY["extra"]["callback"]
    assert "0x" + payment.delegated.calldata.hex() == ENTRY["extra"]["calldata"]
    assert (payment.to, payment.value, payment.valid_before) == (ENTRY["payTo"], 1_000_000, UNTIL)
    assert atomic.TYPE.decode() == TYPE


def test_by_eip3009_it_is_an_authorization_that_the_executor_alone_can_use():
    payment = read(PAID)
    assert payment.signed == authorization_digest(payment.domain, payment.transfer, RECEIVE_TYPE)
    assert (payment.method, payment.authority) == (Method.EIP3009, ENTRY["asset"])


def test_by_permit2_it_is_a_permit_that_shows_all_of_the_commitment():
    """`pay_atomic` signs the nested struct by eth-account; here is its digest with nothing but keccak and eth-abi."""
    payment = read(PERMITTED)
    tokens = b"TokenPermissions(address token,uint256 amount)"
    kind = b"PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,"
    kind += b"DelegatePayment witness)" + atomic.TYPE + tokens
    permitted = keccak(encode(["bytes32", "address", "uint256"], [keccak(tokens), ENTRY["asset"], 1_000_000]))
    words = [keccak(kind), permitted, ENTRY["payTo"], payment.nonce, UNTIL, payment.nonce]
    struct = keccak(encode(["bytes32", "bytes32", "address", "bytes32", "uint256", "bytes32"], words))
    domain = keccak(b"EIP712Domain(string name,uint256 chainId,address verifyingContract)")
    named = encode(["bytes32", "bytes32", "uint256", "address"], [domain, keccak(b"Permit2"), 31337, PERMIT2])
    assert payment.signed == keccak(b"\x19\x01" + keccak(named) + struct)
    assert (payment.method, payment.authority, payment.domain) == (Method.PERMIT2, PERMIT2, None)


@both
def test_a_payload_of_the_other_form_is_none(paid):
    other = PERMITTED if paid is PAID else PAID
    with pytest.raises(ProtocolError, match="not a"):
        read(paid | {"payload": other["payload"]})


def test_the_commitment_is_a_known_number():
    """Computed once by eth-abi and keccak alone, as the contract computes it."""
    nonce = atomic.commitment(ENTRY, PAYER.address, UNTIL, b"\7" * 32)
    payload = PAID["payload"] | {"salt": "0x" + "07" * 32}
    payload["authorization"] = payload["authorization"] | {"nonce": "0x" + nonce.hex()}
    assert read(PAID | {"payload": payload}).nonce == nonce


MUTANTS = [*mutations(PAID, "payload"), *mutations(PERMITTED, "payload")]


@pytest.mark.parametrize(("what", "mutant"), MUTANTS, ids=lambda value: str(value)[:40])
def test_c9_each_changed_member_of_the_payload_is_refused(what, mutant):
    with pytest.raises(ProtocolError):
        schemes.check_signature(read(mutant))


PLACES = ["amount", "asset", "payTo", "network", "extra.quote", "extra.callback", "extra.calldata"]


@both
@pytest.mark.parametrize("path", PLACES)
def test_c9_other_terms_than_were_committed_to_are_refused(path, paid):
    others = {
        "amount": "1000001",
        "payTo": ENTRY["asset"],
        "asset": ENTRY["payTo"],
        "network": "eip155:1",
        "extra.quote": "1.x.y",
        "extra.callback": ENTRY["payTo"],
        "extra.calldata": "0x",
    }
    with pytest.raises(ProtocolError):
        read_and_check(changed(paid, f"accepted.{path}", others[path]))


@both
@pytest.mark.parametrize("quote", [None, 7, {}])
def test_terms_without_a_quote_commit_to_nothing(paid, quote):
    extra = {name: value for name, value in paid["accepted"]["extra"].items() if name != "quote"}
    without = paid | {"accepted": paid["accepted"] | {"extra": extra if quote is None else extra | {"quote": quote}}}
    with pytest.raises(ProtocolError, match=r"extra\.quote"):
        read(without)


def read_and_check(paid):
    terms = msgspec.convert(paid["accepted"], PaymentRequirements)
    schemes.check_terms(read(paid), terms, UNTIL - 100)


def test_a_payment_that_is_valid_from_a_later_moment_on_is_not_what_the_executor_asks_for():
    with pytest.raises(ProtocolError):
        read(changed(PAID, "payload.authorization.validAfter", "1"))
