"""The calls that we make are encoded as their contracts read them."""

from dataclasses import replace

import pytest
from eth_abi.abi import decode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from protocol.payment import Method, Payment
from protocol.typed_data import Transfer
from server.domain.calls import (
    Permit2Pull,
    SignedCalldata,
    balance_of,
    encode_call,
    one_word,
    spent_eip3009,
    spent_permit2,
    split_signature,
)
from server.domain.payment_calls import batchable, payment_call, settle_batch
from tests.unit.protocol_samples import ASSET, NOW, PAYER, SHOP, paid, read

MOVE = ["address", "address", "uint256", "uint256", "uint256", "bytes32", "uint8", "bytes32", "bytes32"]
PAID = read(paid())


def test_a_call_begins_with_its_selector():
    assert balance_of(SHOP)[:4] == bytes.fromhex("70a08231")
    assert encode_call("transfer(address,uint256)", SHOP, 1)[:4] == bytes.fromhex("a9059cbb")
    assert encode_call("pause()") == keccak(b"pause()")[:4]


def test_a_payment_is_the_tokens_own_call():
    to, data = payment_call(PAID, PAID.value)
    assert to == ASSET
    assert data[:4] == bytes.fromhex("e3ee160e")  # EIP-3009, with v, r, s
    values = decode(MOVE, data[4:])
    assert (values[0], values[1]) == (PAYER.address.lower(), SHOP.lower())
    assert values[2:6] == (50_000, 0, NOW + 60, PAID.nonce)
    assert values[6:] == split_signature(PAID.signature)


def test_a_callback_gets_the_payer_and_the_delegate_wallets_authorization():
    payout = Transfer(SHOP, ASSET, 7, 1, 2, b"\5" * 32)
    data = spent_eip3009(ASSET, PAYER.address, payout, PAID.signature)
    values = decode(["address", *MOVE[:1], *MOVE[:1], *MOVE[2:]], data[4:])
    assert values[:3] == (ASSET.lower(), PAYER.address.lower(), SHOP.lower())
    assert values[3:7] == (7, 1, 2, b"\5" * 32)
    assert values[7:] == split_signature(PAID.signature)


PULL_3009 = ["address", "address", "address", "uint256", "uint256", "uint256", *MOVE[-4:]]
PULL_PERMIT2 = ["address", "address", "address", "address", "uint256", "uint256", "uint256", "bytes"]
CHOSEN = ["bytes", "bytes32", "uint256", "uint256", "uint8", "bytes32", "bytes32"]


@pytest.mark.parametrize("kind", ["Eip3009", "Permit2"])
@pytest.mark.parametrize("chosen", [None, SignedCalldata(b"mint", 9, b"\1" * 65)], ids=["plain", "chosen"])
def test_a_callback_gets_what_the_payer_chose_and_signed_where_there_is_any(kind, chosen):
    order = b"\5" * 32
    if kind == "Eip3009":
        data = spent_eip3009(ASSET, PAYER.address, Transfer(SHOP, ASSET, 7, 1, 2, order), PAID.signature, chosen)
    else:
        pull = Permit2Pull(ASSET, SHOP, 7, int.from_bytes(order, "big"), 2)
        data = spent_permit2(PAYER.address, pull, PAID.signature, chosen)
    kinds = (PULL_3009 if kind == "Eip3009" else PULL_PERMIT2) + (CHOSEN if chosen else [])
    name = f"x402Spent{kind}WithCalldata" if chosen else f"x402Spent{kind}"
    assert data[:4] == keccak(f"{name}({','.join(kinds)})".encode())[:4]
    if chosen:
        values = decode(kinds, data[4:])[-len(CHOSEN) :]
        assert values[:4] == (chosen.calldata, order, int.from_bytes(order, "big"), chosen.deadline)
        assert values[4:] == split_signature(chosen.signature)


uint128, uint48 = st.integers(0, 2**128 - 1), st.integers(0, 2**48 - 1)
payments = st.builds(
    lambda value, after, before, nonce, signature: Payment(
        "exact",
        Method.EIP3009,
        "eip155:31337",
        ASSET,
        PAYER.address,
        SHOP,
        value,
        after,
        before,
        nonce,
        b"",
        signature,
    ),
    uint128,
    uint48,
    uint48,
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=65, max_size=65),
)


@given(st.lists(payments, max_size=5))
def test_a_batch_holds_every_payment_whole(items):
    data = settle_batch(ASSET, items)
    asset, gas, packed = decode(["address", "uint256", "bytes"], data[4:])
    assert (asset, gas > 100_000) == (ASSET.lower(), True)
    assert len(packed) == 167 * len(items)
    for number, item in enumerate(items):
        raw, transfer = packed[167 * number : 167 * (number + 1)], item.transfer
        assert raw[:20].hex() == PAYER.address[2:].lower()
        assert raw[20:40].hex() == SHOP[2:].lower()
        numbers = [int.from_bytes(raw[a:b], "big") for a, b in ((40, 56), (56, 62), (62, 68))]
        assert numbers == [transfer.value, transfer.valid_after, transfer.valid_before]
        assert (raw[68:100], raw[100:102], raw[102:]) == (transfer.nonce, b"\0\0", item.signature)


def test_only_what_the_payers_own_key_signed_is_batched():
    assert batchable(PAID)
    assert not batchable(replace(PAID, signature=PAID.signature[:64] + b"\x1d"))


@pytest.mark.parametrize(
    "odd", [{"value": str(2**128)}, {"validBefore": str(2**48)}, {"validAfter": str(2**48)}], ids=str
)
def test_numbers_too_large_for_a_batch_are_known_before(odd):
    assert not batchable(read(paid(**odd)))


@given(st.integers(0, 2**256 - 1))
def test_a_view_answers_with_one_word(number):
    assert one_word(number.to_bytes(32, "big")) == number
    assert one_word(b"") == 0
