"""ERC-6492: the official SDK's reading, of one encoding only, within bounds."""

import contextlib

import pytest
from eth_abi import encode
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st
from x402.mechanisms.evm import erc6492 as sdk

from protocol.erc6492 import LONGEST, MAGIC, Wrapped, is_wrapped, unwrap, wrap
from protocol.errors import ProtocolError

FACTORY = to_checksum_address("0x" + "5a" * 20)
ONE = Wrapped(FACTORY, b"\x01\x02\x03\x04" + bytes(40), b"s" * 65)
NUMBER = st.sampled_from([0, 1, 31, 32, 64, 96, 128, 160, 2**16, 2**64, 2**255, 2**256 - 1]) | st.integers(0, 400)

wrappings = st.builds(
    Wrapped,
    st.binary(min_size=20, max_size=20).filter(any).map(lambda raw: to_checksum_address("0x" + raw.hex())),
    st.binary(max_size=200),
    st.binary(min_size=1, max_size=200).filter(lambda raw: not is_wrapped(raw)),
)


def assert_refused(signature):
    with pytest.raises(ProtocolError, match="wrapped signature"):
        unwrap(signature)


@given(wrappings)
def test_what_was_wrapped_is_unwrapped_and_the_official_sdk_agrees(wrapped):
    signature = wrap(wrapped)
    assert signature == encode(["address", "bytes", "bytes"], wrapped) + MAGIC
    assert is_wrapped(signature)
    assert unwrap(signature) == wrapped
    theirs = sdk.parse_erc6492_signature(signature)
    assert ("0x" + theirs.factory.hex(), theirs.factory_calldata, theirs.inner_signature) == (
        wrapped.factory.lower(), wrapped.calldata, wrapped.signature,
    )  # fmt: skip


@given(st.binary(max_size=300), st.booleans())
def test_wrapped_is_what_the_official_sdk_calls_wrapped(raw, ends):
    signature = raw + MAGIC if ends else raw
    assert is_wrapped(signature) == sdk.is_erc6492_signature(signature)


@given(st.lists(NUMBER, max_size=12), st.binary(max_size=40))
def test_any_bytes_are_refused_or_have_one_encoding(words, tail):
    signature = b"".join(word.to_bytes(32, "big") for word in words) + tail + MAGIC
    with contextlib.suppress(ProtocolError):
        assert wrap(unwrap(signature)) == signature


def test_every_changed_byte_is_refused_or_gives_other_parts():
    signature = wrap(ONE)
    for at in range(len(signature)):
        changed = signature[:at] + bytes([signature[at] ^ 0x40]) + signature[at + 1 :]
        try:
            assert unwrap(changed) != ONE
        except ProtocolError:
            continue
        assert wrap(unwrap(changed)) == changed


def test_gaps_overlaps_spare_bytes_and_set_padding_are_refused():
    body = wrap(ONE)[: -len(MAGIC)]
    calldata, own = body[96 : 96 + 96], body[96 + 96 :]
    assert_refused(body + bytes(32) + MAGIC)
    assert_refused(body[:-32] + MAGIC)
    assert_refused(body[:-1] + b"\x01" + MAGIC)
    assert_refused(b"\x01" + body[1:] + MAGIC)
    assert_refused(body[:32] + (192).to_bytes(32, "big") + (192).to_bytes(32, "big") + bytes(96) + own + MAGIC)
    assert_refused(body[:32] + (96 + len(own)).to_bytes(32, "big") + (96).to_bytes(32, "big") + own + calldata + MAGIC)


def test_a_wrapping_without_factory_or_signature_or_within_another_is_refused():
    assert_refused(wrap(ONE._replace(factory="0x" + "00" * 20)))
    assert_refused(wrap(ONE._replace(signature=b"")))
    assert_refused(wrap(ONE._replace(signature=wrap(ONE))))


def test_a_signature_that_is_not_wrapped_or_too_long_is_refused():
    assert_refused(b"s" * 65)
    assert_refused(MAGIC)
    assert_refused(b"")
    room = LONGEST - len(wrap(ONE._replace(calldata=b"")))
    assert unwrap(wrap(ONE._replace(calldata=bytes(room)))).signature == ONE.signature
    assert_refused(wrap(ONE._replace(calldata=bytes(room + 1))))
