"""The payment headers: names, and JSON in padded base64 with a bound on size."""

import base64
import binascii
import re
from typing import TypeVar

import msgspec

from protocol.errors import ProtocolError

PAYMENT_REQUIRED = "PAYMENT-REQUIRED"
PAYMENT_SIGNATURE = "PAYMENT-SIGNATURE"
PAYMENT_RESPONSE = "PAYMENT-RESPONSE"
X_PAYMENT = "X-PAYMENT"
X_PAYMENT_RESPONSE = "X-PAYMENT-RESPONSE"
IDEMPOTENT_REPLAYED = "Idempotent-Replayed"
BUYER_KEY = "X-Buyer-Key"
"""Paddock's own: a key by which a wallet's program is known and bounded, beside the payment."""
MCP_PAYMENT = "x402/payment"
MCP_RESPONSE = "x402/payment-response"
"""Members of `_meta` that stand for the headers in x402's transport over MCP: of a call, and of its result."""

MAX_HEADER = 16 * 1024
MAX_DEPTH = 24

T = TypeVar("T")
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_PLAIN = bytes(set(range(256)) - set(b'{}[]"'))


def encode(message: object) -> str:
    """A message as a header value."""
    return encode_json(msgspec.json.encode(message))


def encode_json(text: bytes) -> str:
    """JSON text as a header value."""
    return base64.b64encode(text).decode("ascii")


def decode(value: str | bytes, kind: type[T]) -> T:
    """A header value as a message of `kind`.

    Raises ProtocolError(`invalid_payload`) for anything too large, nested too deep, or not of that shape.
    """
    raw = value.encode("ascii", "replace") if isinstance(value, str) else value
    if len(raw) > MAX_HEADER:
        raise ProtocolError("invalid_payload", f"the header has {len(raw)} bytes; at most {MAX_HEADER} are read")
    try:
        text = base64.b64decode(raw, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProtocolError("invalid_payload", "the header is not padded base64") from error
    return decode_json(text, kind)


def decode_json(text: bytes, kind: type[T]) -> T:
    """JSON text as a message of `kind`, with a bound on nesting."""
    if _depth(text) > MAX_DEPTH:
        raise ProtocolError("invalid_payload", f"the JSON is nested deeper than {MAX_DEPTH} levels")
    try:
        return msgspec.json.decode(text.decode(), type=kind)  # msgspec itself lets other bytes pass in what it skips
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError("invalid_payload", f"the message does not have the expected shape: {error}") from error


def _depth(text: bytes) -> int:
    """The nesting depth of JSON text, or an upper bound that needs no closer look."""
    opening = text.count(b"{") + text.count(b"[")
    if opening <= MAX_DEPTH:
        return opening
    depth = deepest = 0
    signs = (_ESCAPED.sub(b"", text) if b"\\" in text else text).translate(None, _PLAIN)
    for byte in b"".join(signs.split(b'"')[::2]):  # brackets inside texts close nothing
        if byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest


def to_json(message: object) -> bytes:
    """A message as JSON text."""
    return msgspec.json.encode(message)
