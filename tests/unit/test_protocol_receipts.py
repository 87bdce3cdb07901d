"""W11: a receipt says what it says by a signature, and any change to it is somebody else's signature."""

from contextlib import suppress

import msgspec
import pytest
from eth_account import Account

from protocol.errors import ProtocolError
from protocol.receipts import (
    PADDOCK_EXTENSION,
    ZERO_HASH,
    Receipt,
    SignedReceipt,
    receipt_in,
    x402_receipt_digest,
)
from tests.unit.protocol_samples import ASSET, PAYER, SHOP

MARKET = Account.from_key("0x" + "24" * 32)
RECEIPT = Receipt(
    order_id="order-1",
    quote_id="quote-1",
    resource_url="http://127.0.0.1:8402/v1/echo?text=hello",
    intent_hash="0x" + "01" * 32,
    mode="DIRECT",
    network="eip155:31337",
    asset=ASSET,
    amount="50000",
    payer=PAYER.address,
    pay_to=SHOP,
    payment_hash="0x" + "02" * 32,
    transaction="0x" + "03" * 32,
    callback_transaction="0x" + "04" * 32,
    body_hash="0x" + "05" * 32,
    body_size=1234,
    body_type="application/json",
    paid_at=1_800_000_000,
    issued_at=1_800_000_001,
    status="completed",
)
STANDARD = {
    "version": 1,
    "network": "eip155:31337",
    "resourceUrl": RECEIPT.resource_url,
    "payer": PAYER.address,
    "issuedAt": 1_800_000_001,
    "transaction": RECEIPT.transaction,
}


def sign(receipt: Receipt, account=MARKET) -> SignedReceipt:
    return SignedReceipt(receipt, "0x" + bytes(account.unsafe_sign_hash(receipt.digest()).signature).hex())


def other(name: str):
    """Another good value of a field."""
    value = getattr(RECEIPT, name)
    if name == "network":
        return "eip155:1"
    if name == "amount":
        return "50001"
    if isinstance(value, int):
        return value + 1
    return value[:-1] + ("7" if value[-1] != "7" else "8")


def test_a_receipt_names_the_key_that_signed_it():
    assert sign(RECEIPT).signer() == MARKET.address


def test_a_receipt_survives_the_wire():
    assert msgspec.json.decode(msgspec.json.encode(sign(RECEIPT)), type=SignedReceipt).signer() == MARKET.address
    assert receipt_in({PADDOCK_EXTENSION: {"info": msgspec.to_builtins(sign(RECEIPT))}}) == sign(RECEIPT)


@pytest.mark.parametrize("field", Receipt.__struct_fields__)
def test_w11_a_changed_field_is_another_signature(field):
    signed = sign(RECEIPT)
    changed = SignedReceipt(msgspec.structs.replace(RECEIPT, **{field: other(field)}), signed.signature)
    assert changed.receipt != RECEIPT
    with suppress(ProtocolError):
        assert changed.signer() != MARKET.address


@pytest.mark.parametrize("field", Receipt.__struct_fields__)
def test_w11_every_field_is_in_the_digest(field):
    assert msgspec.structs.replace(RECEIPT, **{field: other(field)}).digest() != RECEIPT.digest()


def test_w11_two_fields_of_a_kind_cannot_be_exchanged():
    swapped = msgspec.structs.replace(RECEIPT, order_id=RECEIPT.quote_id, quote_id=RECEIPT.order_id)
    assert swapped.digest() != RECEIPT.digest()
    paid_twice = msgspec.structs.replace(RECEIPT, transaction=RECEIPT.body_hash, body_hash=RECEIPT.transaction)
    assert paid_twice.digest() != RECEIPT.digest()


def test_a_receipt_without_a_callback_has_a_zero_hash_there():
    fields = msgspec.structs.asdict(RECEIPT)
    del fields["callback_transaction"]
    assert Receipt(**fields).callback_transaction == ZERO_HASH


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("payment_hash", "0x02"),
        ("transaction", ""),
        ("body_hash", "zz"),
        ("network", "solana:mainnet"),
        ("amount", "5e4"),
        ("amount", "-1"),
        ("amount", " 50000"),
        ("amount", "5_0"),
        ("amount", str(2**256)),
        ("payer", "nobody"),
        ("pay_to", "0x00"),
        ("body_size", -1),
        ("paid_at", 2**256),
    ],
)
def test_a18_a_receipt_that_nobody_can_have_signed_is_refused(field, value):
    hostile = SignedReceipt(msgspec.structs.replace(RECEIPT, **{field: value}), sign(RECEIPT).signature)
    with pytest.raises(ProtocolError):
        hostile.signer()


@pytest.mark.parametrize(
    "extensions",
    [
        {PADDOCK_EXTENSION: {}},
        {PADDOCK_EXTENSION: None},
        {PADDOCK_EXTENSION: []},
        {PADDOCK_EXTENSION: {"info": {}}},
        {PADDOCK_EXTENSION: {"info": {"receipt": {}, "signature": "0x"}}},
        {PADDOCK_EXTENSION: {"info": {"receipt": msgspec.to_builtins(RECEIPT)}}},
        {PADDOCK_EXTENSION: {"info": msgspec.to_builtins(sign(RECEIPT)) | {"signature": 1}}},
    ],
    ids=lambda value: str(value)[:50],
)
def test_a18_a_receipt_of_another_shape_is_refused(extensions):
    with pytest.raises(ProtocolError) as raised:
        receipt_in(extensions)
    assert raised.value.reason == "invalid_receipt"


@pytest.mark.parametrize("extensions", [None, {}, {"offer-receipt": {}}])
def test_a_seller_without_receipts_sends_none(extensions):
    assert receipt_in(extensions) is None


@pytest.mark.parametrize("signature", ["0x", "", "0x" + "00" * 65, "0x" + "11" * 64, "zz"])
def test_a18_a_receipt_with_a_broken_signature_names_nobody(signature):
    with pytest.raises(ProtocolError):
        SignedReceipt(RECEIPT, signature).signer()


@pytest.mark.parametrize("field", STANDARD)
def test_every_field_of_the_standard_receipt_is_in_its_digest(field):
    value = STANDARD[field]
    changed = STANDARD | {field: value + 1 if isinstance(value, int) else value + "x"}
    assert x402_receipt_digest(changed) != x402_receipt_digest(STANDARD)


def test_the_standard_receipt_is_hashed_as_x402_says():
    """By a domain of its own: name "x402 receipt", version 1, chain 1, whatever the payment's chain is."""
    from_eth_account = Account.sign_typed_data(
        MARKET.key,
        domain_data={"name": "x402 receipt", "version": "1", "chainId": 1},
        message_types={
            "Receipt": [
                {"name": "version", "type": "uint256"},
                {"name": "network", "type": "string"},
                {"name": "resourceUrl", "type": "string"},
                {"name": "payer", "type": "string"},
                {"name": "issuedAt", "type": "uint256"},
                {"name": "transaction", "type": "string"},
            ]
        },
        message_data=STANDARD,
    )
    assert x402_receipt_digest(STANDARD) == bytes(from_eth_account.message_hash)
    unnamed = {name: value for name, value in STANDARD.items() if name != "transaction"}
    assert x402_receipt_digest(unnamed) == x402_receipt_digest(unnamed | {"transaction": ""})
