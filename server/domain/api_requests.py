"""How merchants' back ends sign requests: GOAT's format, which names fields alone, and one that names the request."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from server.domain.errors import BadApiSignature

WINDOW = 300
"""Seconds that a timestamp may be away from now, either way."""
TAG = b"PADDOCK-HMAC-SHA256"
"""The first line of what the second form signs: no message of the first form begins with it."""
RESERVED = frozenset({"api_key", "timestamp", "nonce", "sign"})
_NONCE = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_TIMESTAMP = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)


class _Fields(list[tuple[str, Any]]):
    """The members of a JSON object as they stand, also where a name comes twice."""


def require_fresh(timestamp: str, nonce: str, now: int) -> int:
    """The timestamp, in Unix seconds. Raises BadApiSignature if it is not of this moment, or nonce or time are odd."""
    if not _TIMESTAMP.fullmatch(timestamp) or abs(int(timestamp) - now) > WINDOW:
        raise BadApiSignature(f"X-Timestamp must be the time in Unix seconds, within {WINDOW} seconds of ours")
    if not _NONCE.fullmatch(nonce):
        raise BadApiSignature("X-Nonce must be 1 to 128 letters, digits, '.', '_', ':' or '-'")
    return int(timestamp)


def goat_message(query: str, body: bytes, api_key: str, timestamp: str, nonce: str) -> bytes:
    """What GOAT's format signs: `name=value` of every field that is not empty, in the order of names, joined by `&`.

    It covers neither method nor path, and more than one request may have the same text: whatever could be read in two
    ways raises BadApiSignature.
    """
    values = {"api_key": api_key, "timestamp": timestamp, "nonce": nonce}
    for name, value in [*parse_qsl(query, keep_blank_values=True), *_members(body)]:
        if name in values or name in RESERVED or not _NAME.fullmatch(name):
            raise BadApiSignature(f"the field {name[:40]!r} cannot be signed in this format; {_INSTEAD}")
        values[name] = _text(name, value)
    try:
        return "&".join(f"{name}={value}" for name, value in sorted(values.items()) if value).encode()
    except UnicodeEncodeError as error:
        raise BadApiSignature(f"a field holds half of a surrogate pair, which no text can; {_INSTEAD}") from error


def sound_message(
    method: str, path: bytes, query: bytes, api_key: str, timestamp: str, nonce: str, body: bytes
) -> bytes:
    """What the second form signs: eight lines, none of which can hold a line break, so it is one request's alone.

    `path` and `query` as they were sent; the last line is SHA-256 of the raw body, in hex.
    """
    head = (TAG, method.encode(), path, query, api_key.encode(), timestamp.encode(), nonce.encode())
    return b"\n".join((*head, hashlib.sha256(body).hexdigest().encode()))


def signature_of(message: bytes, secret: str) -> str:
    """HMAC-SHA256, in hex."""
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def is_signed(message: bytes, signature: str, secrets: Iterable[str]) -> bool:
    """Whether it is HMAC-SHA256 (hex) of the message by one of these secrets. Compares in constant time."""
    given = signature.encode()
    return any(hmac.compare_digest(signature_of(message, secret).encode(), given) for secret in secrets)


_INSTEAD = "sign the request itself instead, with X-Sign-Request"


def _members(body: bytes) -> _Fields:
    if not body:
        return _Fields()
    try:
        found = json.loads(
            body, object_pairs_hook=_Fields, parse_int=str, parse_float=_unclear, parse_constant=_unclear
        )
    except (ValueError, RecursionError) as error:
        raise BadApiSignature("the body is not a JSON object") from error
    if not isinstance(found, _Fields):
        raise BadApiSignature("the body is not a JSON object")
    return found


def _text(name: str, value: Any) -> str:
    """A field's value as it is signed; null and an empty text are no field."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is not None and not isinstance(value, str):
        raise BadApiSignature(f"{name} holds more than one value, which this format cannot sign; {_INSTEAD}")
    if value and ("&" in value or "=" in value):
        raise BadApiSignature(f"{name} holds '&' or '=', which this format cannot sign; {_INSTEAD}")
    return value or ""


def _unclear(text: str) -> Any:
    raise BadApiSignature(f"the number {text[:40]} can be written in several ways; {_INSTEAD}")
