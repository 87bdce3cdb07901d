"""ERC-6492: signatures of smart wallets that are not deployed yet, wrapped with what would deploy them."""

from typing import NamedTuple

from protocol.errors import ProtocolError
from protocol.signatures import parse_address

MAGIC = bytes.fromhex("6492" * 16)
_WORD = 32
SHORTEST, LONGEST = 6 * _WORD, 8 * 1024
"""Bytes of a wrapped signature that is read; a factory's calldata with a passkey's signature stays below 2 KB."""


class Wrapped(NamedTuple):
    """`factory` called with `calldata` deploys the wallet, which then accepts `signature`."""

    factory: str
    calldata: bytes
    signature: bytes


def is_wrapped(signature: bytes) -> bool:
    """Whether it ends with the magic suffix; nothing is said of what stands before."""
    return signature.endswith(MAGIC)


def wrap(wrapped: Wrapped) -> bytes:
    """abi.encode(factory, calldata, signature) and the magic suffix."""
    calldata, signature = _dynamic(wrapped.calldata), _dynamic(wrapped.signature)
    factory = bytes.fromhex(wrapped.factory[2:]).rjust(_WORD, b"\0")
    return factory + _word(3 * _WORD) + _word(3 * _WORD + len(calldata)) + calldata + signature + MAGIC


def unwrap(signature: bytes) -> Wrapped:
    """The parts of a wrapped signature.

    Raises ProtocolError for anything but the one encoding that `wrap` gives: no gap, overlap, spare byte or set padding
    bit, no factory at the zero address, and nothing wrapped twice.
    """
    if not SHORTEST <= len(signature) <= LONGEST:
        raise _refused(f"it has {len(signature)} bytes; from {SHORTEST} to {LONGEST} are read")
    body = signature[: -len(MAGIC)]
    factory = body[12:_WORD]
    found = Wrapped(
        parse_address("0x" + factory.hex(), "factory"), _dynamic_at(body, _WORD), _dynamic_at(body, 2 * _WORD)
    )
    if wrap(found) != signature:  # also where an offset or a length went past the end: slices end with the bytes
        raise _refused("it is not encoded as ERC-6492 says")
    if not any(factory) or not found.signature or is_wrapped(found.signature):
        raise _refused("it names no factory, holds no signature, or is wrapped twice")
    return found


def _dynamic_at(body: bytes, head: int) -> bytes:
    """The `bytes` value whose offset stands at `head`; shorter than it says where the body ends before."""
    start = _number(body, head)
    return body[start + _WORD : start + _WORD + _number(body, start)]


def _number(body: bytes, at: int) -> int:
    return int.from_bytes(body[at : at + _WORD], "big")


def _word(number: int) -> bytes:
    return number.to_bytes(_WORD, "big")


def _dynamic(value: bytes) -> bytes:
    return _word(len(value)) + value + bytes(-len(value) % _WORD)


def _refused(why: str) -> ProtocolError:
    return ProtocolError("invalid_exact_evm_payload_signature", f"the wrapped signature cannot be read: {why}")
