"""Quotes: stateless tokens that bind a price to one exact request for a short time."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from protocol.wire import PaymentRequirements
from server.domain.errors import BindingMismatch, QuoteExpired

_VERSION = "1"
_ID_BODY = 16  # key id 1, issued 4, life 2, random 9
_TAG = 4
_MAC = 16
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
SKEW = 5
"""Seconds by which another server's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class Quote:
    """`id` stands in the 402, the order, the receipt and the status URL; times are Unix seconds."""

    id: str
    issued_at: int
    expires_at: int

    def require_fresh(self, now: int) -> None:
        """Raises QuoteExpired past its life: then no new purchase can be made of it."""
        if now >= self.expires_at:
            raise QuoteExpired(f"the quote expired {now - self.expires_at} s ago")


@dataclass(frozen=True)
class QuoteKeys:
    """The MAC keys by key id (0–255): the current one issues, all of them are honoured."""

    current: int
    keys: Mapping[int, bytes] = field(repr=False)

    def issue(self, now: int, life: int) -> Quote:
        """A fresh id, valid for `life` seconds; nothing is stored."""
        body = bytes([self.current]) + now.to_bytes(4, "big") + life.to_bytes(2, "big") + secrets.token_bytes(9)
        return Quote(_text(body + self._tag(self.current, body)), now, now + life)

    def token(self, quote: Quote, binding: bytes) -> str:
        """The token that goes out with terms: the id and a MAC over id and binding."""
        return f"{_VERSION}.{quote.id}.{_text(self._mac(self.current, quote.id, binding))}"

    def read(self, quote_id: str) -> Quote | None:
        """The quote that an id names, if one of our keys made it; says nothing about what it was for."""
        raw = _bytes(quote_id)
        if raw is None or len(raw) != _ID_BODY + _TAG:
            return None
        body, tag = raw[:_ID_BODY], raw[_ID_BODY:]
        if body[0] not in self.keys or not hmac.compare_digest(tag, self._tag(body[0], body)):
            return None
        issued = int.from_bytes(body[1:5], "big")
        return Quote(quote_id, issued, issued + int.from_bytes(body[5:7], "big"))

    def open(self, token: object, binding: bytes, now: int) -> Quote:
        """The quote in a token that came back, whatever its age. Raises BindingMismatch for any other token."""
        version, _, rest = token.partition(".") if isinstance(token, str) else ("", "", "")
        quote_id, _, mac = rest.partition(".")
        quote = self.read(quote_id)
        raw = _bytes(mac)
        if version != _VERSION or quote is None or raw is None:
            raise BindingMismatch("extra.quote is not a quote of this marketplace")
        key_id = _bytes(quote_id)[0]  # type: ignore[index]  # read() proved the id well-formed
        if not hmac.compare_digest(raw, self._mac(key_id, quote_id, binding)):
            raise BindingMismatch("the quote was given for another request or other terms")
        if quote.issued_at > now + SKEW:
            raise BindingMismatch("the quote is from the future; check the servers' clocks")
        return quote

    def mac(self, key_id: int, message: bytes) -> bytes:
        """HMAC-SHA256 by one of our keys. Raises KeyError."""
        started = self._started[key_id].copy()
        started.update(message)
        return started.digest()

    @cached_property
    def _started(self) -> Mapping[int, hmac.HMAC]:
        """Each key's HMAC before any message: taking the key in is most of the work."""
        return {key_id: hmac.new(key, digestmod="sha256") for key_id, key in self.keys.items()}

    def _tag(self, key_id: int, body: bytes) -> bytes:
        return self.mac(key_id, b"id" + body)[:_TAG]

    def _mac(self, key_id: int, quote_id: str, binding: bytes) -> bytes:
        return self.mac(key_id, b"quote" + quote_id.encode() + binding)[:_MAC]


def binding(service: str, intent: bytes, requirements: PaymentRequirements) -> bytes:
    """SHA-256 over everything a quote fixes: the service, the request, and every field of the terms but the token."""
    return digest_of(binding_text(service, intent.hex(), requirements).encode())


def digest_of(text: bytes) -> bytes:
    """What a token binds, of a `binding_text`."""
    return hashlib.sha256(text).digest()


def binding_text(service: str, intent: str, requirements: PaymentRequirements) -> str:
    """All that a quote fixes in one spelling; `intent` is the request's hash in hexadecimal."""
    extra = {key: value for key, value in requirements.extra.items() if key != "quote"}
    terms = [
        service,
        intent,
        requirements.scheme,
        requirements.network,
        requirements.amount,
        requirements.asset,
        requirements.pay_to,
        requirements.max_timeout_seconds,
        extra,
    ]
    return json.dumps(terms, sort_keys=True, separators=(",", ":"))


def _text(raw: bytes) -> str:
    """Base32 of RFC 4648 in lower case without padding, two letters at a time."""
    bits, length = 8 * len(raw), -(-8 * len(raw) // 5)
    number = int.from_bytes(raw, "big") << (-bits % 10)
    return "".join([_PAIRS[number >> place & 1023] for place in range(bits + -bits % 10 - 10, -1, -10)])[:length]


def _bytes(text: str) -> bytes | None:
    try:
        raw = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        return None
    return raw if _text(raw) == text else None
