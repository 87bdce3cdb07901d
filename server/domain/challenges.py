"""Sign-in challenges: stateless nonces that tie a wallet's signature to one request for a short time."""

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from server.domain.errors import SignInRefused
from server.domain.quotes import SKEW, QuoteKeys

LIFE = timedelta(minutes=5)
"""How long a challenge may be answered: what official servers allow by default."""

_BODY = 16  # key id 1, milliseconds 6, random 9
_MAC = 16
_NONCE = re.compile(f"[0-9a-f]{{{2 * (_BODY + _MAC)}}}", re.ASCII)  # hexadecimal: EIP-4361 wants letters and digits


@dataclass(frozen=True, slots=True)
class Challenge:
    """`nonce` has one spelling only, so that a used one stays used; `issued_at` is exact to the millisecond."""

    nonce: str
    issued_at: datetime

    @property
    def expires_at(self) -> datetime:
        return self.issued_at + LIFE


def issue(keys: QuoteKeys, intent: bytes, now: datetime) -> Challenge:
    """A fresh challenge for the request with that intent hash; nothing is stored."""
    milliseconds = int(now.timestamp() * 1000)
    body = bytes([keys.current]) + milliseconds.to_bytes(6, "big") + secrets.token_bytes(9)
    return Challenge((body + _mac(keys, body, intent)).hex(), _moment(milliseconds))


def reopen(keys: QuoteKeys, nonce: str, intent: bytes, now: datetime) -> Challenge:
    """The challenge that a nonce is of. Raises SignInRefused if it was not given for this request, or is too old."""
    raw = bytes.fromhex(nonce) if _NONCE.fullmatch(nonce) else b""
    body, mac = raw[:_BODY], raw[_BODY:]
    if not raw or body[0] not in keys.keys or not hmac.compare_digest(mac, _mac(keys, body, intent)):
        raise SignInRefused("the nonce was not given for this request")
    challenge = Challenge(nonce, _moment(int.from_bytes(body[1:7], "big")))
    if challenge.issued_at > now + timedelta(seconds=SKEW) or now >= challenge.expires_at:
        raise SignInRefused("the challenge has expired")
    return challenge


def _mac(keys: QuoteKeys, body: bytes, intent: bytes) -> bytes:
    return keys.mac(body[0], b"sign-in" + body + intent)[:_MAC]


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
