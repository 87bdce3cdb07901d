"""Webhooks: how a message to a merchant is signed, and how its receiver checks it (Standard Webhooks)."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from protocol.errors import ProtocolError

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
"""The headers of every message."""
VERSION = 1
"""Of the message's form. Members may be added within a version; a receiver passes over those it does not know."""
TOLERANCE = 300
"""Seconds by which a message's timestamp may differ from the receiver's clock."""
MOST_SIGNATURES = 8
_PREFIX, _SCHEME = "whsec_", "v1,"


class WebhookMessage(msgspec.Struct, frozen=True):
    """The JSON body. `sequence` counts an order's messages from 1; `order` is its public view, None for a test."""

    id: str
    type: str
    created: datetime
    sequence: int
    merchant: str
    version: int
    order: dict[str, Any] | None
    data: dict[str, Any]


class WebhookRefused(ProtocolError):
    """Not a message of ours, or not a fresh one: answer 400 and do nothing. `reason` says which check failed."""


class WebhookReplayed(WebhookRefused):
    """A message of ours that was handled before: answer 200 and do nothing, or it is sent again for three days."""


def verify(
    secrets: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    seen: Callable[[str], bool],
    now: float | None = None,
) -> WebhookMessage:
    """The message, if it is ours, fresh, unchanged and not handled before.

    Args:
        secrets: what `whsec_…` the receiver knows: one, or two while the secret is changed.
        headers: the request's headers, in any case.
        body: the raw bytes of the request, before any JSON parser touched them.
        seen: called last, with the message's id: remember it, and say whether it was known. Keep ids for as long as
            messages may come again: longer than three days. Remember the id and do the work in one database
            transaction; else a crash in between loses the message or does it twice.
        now: Unix seconds, for tests.

    Raises:
        WebhookReplayed: handled before. WebhookRefused: anything else that is wrong.
    """
    message_id, timestamp, signatures = _read(headers)
    if abs((time.time() if now is None else now) - timestamp) > TOLERANCE:
        raise WebhookRefused("webhook_stale", f"its timestamp is more than {TOLERANCE} seconds away from now")
    known = [_signature(decode_secret(secret), message_id, timestamp, body) for secret in secrets]
    if not any(hmac.compare_digest(one, right) for one in signatures for right in known):
        raise WebhookRefused("webhook_signature", "no signature is that of a known secret over these bytes")
    try:
        message = msgspec.json.decode(body, type=WebhookMessage)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WebhookRefused("webhook_body", "the body is not a message of a known form") from error
    if message.version != VERSION:
        raise WebhookRefused("webhook_version", f"version {message.version} is not {VERSION}")
    if seen(message_id):
        raise WebhookReplayed("webhook_replayed", "this message was handled before")
    return message


def sign(secrets: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a message; one signature for each secret."""
    signatures = [_signature(secret, message_id, timestamp, body).decode() for secret in secrets]
    return {ID: message_id, TIMESTAMP: str(timestamp), SIGNATURE: " ".join(signatures)}


def encode_secret(secret: bytes) -> str:
    """A secret as its receiver is given it: `whsec_` and base64."""
    return _PREFIX + base64.b64encode(secret).decode()


def decode_secret(text: str) -> bytes:
    """The bytes of `whsec_…`. Raises ProtocolError, which does not quote it."""
    try:
        secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProtocolError("webhook_secret", "a webhook secret reads like whsec_ and base64") from error
    if not text.startswith(_PREFIX) or len(secret) < 24:
        raise ProtocolError("webhook_secret", "a webhook secret reads like whsec_ and at least 24 bytes of base64")
    return secret


def _signature(secret: bytes, message_id: str, timestamp: int, body: bytes) -> bytes:
    """HMAC-SHA256 over `id.timestamp.body`, as it stands in the header."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return _SCHEME.encode() + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256))


def _read(headers: Mapping[str, str]) -> tuple[str, int, list[bytes]]:
    """Id, timestamp and the signatures of our scheme."""
    values = {name.lower(): value for name, value in headers.items() if name.lower() in (ID, TIMESTAMP, SIGNATURE)}
    for name in (ID, TIMESTAMP, SIGNATURE):
        if not values.get(name):
            raise WebhookRefused("webhook_header", f"the header {name} is missing")
    timestamp = values[TIMESTAMP]
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise WebhookRefused("webhook_header", f"the header {TIMESTAMP} is not in Unix seconds")
    signatures = values[SIGNATURE].encode("utf-8", "replace").split(b" ")
    return values[ID], int(timestamp), signatures[:MOST_SIGNATURES]
