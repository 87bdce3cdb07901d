"""F1: a signature has one spelling, and belongs to one payer, one authorization and one token."""

import secrets

import pytest
from coincurve import PrivateKey
from eth_account import Account
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import ProtocolError
from protocol.schemes import check_signature
from protocol.signatures import address_of, parse_address, parse_hex, recover, sign
from tests.stack import buyer
from tests.unit.protocol_samples import ENTRY, PAYER, SHOP, paid, read

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
BAD = "invalid_exact_evm_payload_signature"
PAID = paid()
SIGNATURE = bytes.fromhex(PAID["payload"]["signature"][2:])


def signed(signature: bytes) -> dict:
    """PAID with another signature."""
    return buyer.changed(PAID, "payload.signature", "0x" + signature.hex())


def assert_refused(payment: dict, **changes) -> None:
    with pytest.raises(ProtocolError) as raised:
        check_signature(read(payment, **changes))
    assert raised.value.reason == BAD


def test_a_payers_signature_is_good():
    assert check_signature(read(PAID)) is None


@pytest.mark.parametrize("bit", range(65 * 8))
def test_f1_no_bit_of_a_signature_can_be_flipped(bit):
    flipped = bytearray(SIGNATURE)
    flipped[bit // 8] ^= 1 << bit % 8
    assert_refused(signed(bytes(flipped)))


@given(secret=st.integers(1, ORDER - 1), digest=st.binary(min_size=32, max_size=32))
def test_a_signature_is_eth_accounts_and_recovers_to_its_key(secret, digest):
    key = secret.to_bytes(32, "big")
    made = sign(PrivateKey(key), digest)
    assert made == bytes(Account.unsafe_sign_hash(digest, key).signature)
    assert recover(digest, made) == Account.from_key(key).address


FIELDS = {"from": 160, "to": 160, "value": 256, "validAfter": 256, "validBefore": 256, "nonce": 256}


@pytest.mark.parametrize("field", FIELDS)
def test_f1_no_bit_of_an_authorization_can_be_flipped(field):
    text = PAID["payload"]["authorization"][field]
    is_hex = text.startswith("0x")
    for bit in range(FIELDS[field]):
        number = int(text, 16 if is_hex else 10) ^ (1 << bit)
        if field == "value" and number == 0:
            continue
        value = f"0x{number:0{FIELDS[field] // 4}x}" if is_hex else str(number)
        assert_refused(buyer.changed(PAID, f"payload.authorization.{field}", value))


@pytest.mark.parametrize(
    "changes",
    [
        {"network": "eip155:31338"},
        {"network": "eip155:1"},
        {"asset": SHOP},
        {"extra": {"name": "USDC ", "version": "2"}},
        {"extra": {"name": "usdc", "version": "2"}},
        {"extra": {"name": "USDC", "version": "1"}},
        {"extra": {"name": "USDC2", "version": ""}},
    ],
    ids=str,
)
def test_f1_a_signature_for_one_token_and_chain_is_good_for_no_other(changes):
    assert_refused(PAID, **changes)


R, S, V = SIGNATURE[:32], SIGNATURE[32:64], SIGNATURE[64:]
HIGH = (ORDER - int.from_bytes(S, "big")).to_bytes(32, "big")
TOGGLED = bytes([55 - V[0]])


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param(R + HIGH + TOGGLED, id="high s"),
        pytest.param(R + HIGH + V, id="high s, same v"),
        pytest.param(R + S + TOGGLED, id="other v"),
        pytest.param(R + S + b"\x00", id="v of 0"),
        pytest.param(R + S + b"\x01", id="v of 1"),
        pytest.param(R + S + bytes([V[0] - 27]), id="v without 27"),
        pytest.param(R + S + b"\x1d", id="v of 29"),
        pytest.param(R + S + b"\x1e", id="v of 30"),
        pytest.param(R + S + b"\x25", id="v of EIP-155"),
        pytest.param(R + S + b"\xff", id="v of 255"),
        pytest.param(R + bytes([S[0] | (V[0] - 27) << 7]) + S[1:], id="compact, EIP-2098"),
        pytest.param(bytes(65), id="zeros"),
        pytest.param(bytes(64) + b"\x1b", id="zeros with v"),
        pytest.param(bytes(32) + S + V, id="r of zero"),
        pytest.param(R + bytes(32) + V, id="s of zero"),
        pytest.param(ORDER.to_bytes(32, "big") + S + V, id="r of the order"),
        pytest.param(b"\xff" * 32 + S + V, id="r beyond the order"),
        pytest.param(R + ORDER.to_bytes(32, "big") + V, id="s of the order"),
        pytest.param(R + (ORDER // 2 + 1).to_bytes(32, "big") + V, id="s just above half"),
        pytest.param((5).to_bytes(32, "big") + S + V, id="r off the curve"),
        pytest.param(b"", id="empty"),
        pytest.param(SIGNATURE[:64], id="64 bytes"),
        pytest.param(SIGNATURE + b"\x00", id="66 bytes"),
        pytest.param(b"\x00" + SIGNATURE, id="a byte before"),
        pytest.param(SIGNATURE * 2, id="twice"),
        pytest.param(V + R + S, id="v first"),
        pytest.param(S + R + V, id="s first"),
    ],
)
def test_f1_another_spelling_of_a_signature_is_refused(signature):
    assert_refused(signed(signature))


def test_f1_somebody_elses_signature_is_refused():
    stranger = Account.create()
    fields = PAID["payload"]["authorization"]
    assert_refused(buyer.changed(PAID, "payload.signature", buyer.sign(stranger, ENTRY, fields)))


def test_c9_a_signature_to_receive_does_not_pay():
    fields = PAID["payload"]["authorization"]
    received = buyer.sign(PAYER, ENTRY, fields, primary="ReceiveWithAuthorization")
    assert_refused(buyer.changed(PAID, "payload.signature", received))


@given(st.binary(min_size=32, max_size=32), st.integers(1, ORDER - 1))
def test_what_eth_account_signs_is_recovered(digest, key):
    account = Account.from_key(key.to_bytes(32, "big"))
    signature = bytes(account.unsafe_sign_hash(digest).signature)
    assert recover(digest, signature) == account.address


@given(st.binary(min_size=65, max_size=65))
def test_f1_any_65_bytes_are_an_address_or_refused(signature):
    try:
        address = recover(b"\x11" * 32, signature)
    except ProtocolError:
        return
    assert parse_address(address, "signer") == address


def test_an_error_never_quotes_the_signature():
    for signature in (SIGNATURE[:64], R + HIGH + V, R + S + b"\x1d"):
        with pytest.raises(ProtocolError) as raised:
            check_signature(read(signed(signature)))
        assert R.hex() not in str(raised.value)


def test_an_address_is_the_end_of_the_public_keys_hash():
    from_coincurve = PrivateKey(PAYER.key).public_key
    assert address_of(from_coincurve) == PAYER.address
    assert keccak(from_coincurve.format(compressed=False)[1:])[-20:].hex() == PAYER.address[2:].lower()


@pytest.mark.parametrize("write", [str.lower, lambda text: "0x" + text[2:].upper(), str])
def test_addresses_are_read_in_any_letter_case_and_kept_in_one(write):
    assert parse_address(write(SHOP), "to") == SHOP


@pytest.mark.parametrize(
    "value",
    ["", "0x", SHOP[2:], SHOP[:-1], SHOP + "0", "0X" + SHOP[2:], " " + SHOP, SHOP + "\n", "0x" + "g" * 40, None, 1,
     b"0x", "0x" + "\uff11" * 40, "vitalik.eth"],
    ids=ascii,
)  # fmt: skip
def test_s23_what_is_no_address_is_refused(value):
    with pytest.raises(ProtocolError):
        parse_address(value, "to")


@pytest.mark.parametrize(
    "value", ["", "0", "ab", "0xa", "0xgg", "0x ab", "0xab\n", "0Xab", None, 5, b"0xab", "0x\uff11\uff11"], ids=ascii
)
def test_s23_what_is_no_hex_is_refused(value):
    with pytest.raises(ProtocolError):
        parse_hex(value, "nonce")


def test_hex_has_exactly_the_size_that_is_asked_for():
    raw = secrets.token_bytes(32)
    assert parse_hex("0x" + raw.hex(), "nonce", 32) == raw
    assert parse_hex("0x" + raw.hex().upper(), "nonce", 32) == raw
    for size in (31, 33, 0):
        with pytest.raises(ProtocolError, match="32"):
            parse_hex("0x" + raw.hex(), "nonce", size)
