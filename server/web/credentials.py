"""Who is asking: the operator by token, a merchant by its API key, a payer by a request that it signed."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from litestar.connection import ASGIConnection

from protocol import requests
from protocol.errors import ProtocolError
from protocol.requests import SignedRequest
from server.application.paddock import Paddock
from server.domain.errors import BadSignedRequest

COOKIE = "paddock_console"
Connection = ASGIConnection[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Credentials:
    """Digests of what opens the operator's doors; the tokens themselves are not kept.

    `also` are further ones that count while the token is rotated.
    """

    operator: bytes
    also: tuple[bytes, ...] = ()

    def opens(self, token: str) -> bool:
        """Whether it is the operator's token, or one of those that count beside it."""
        return matches(token, self.operator, *self.also)

    def is_of(self, mark: bytes) -> bool:
        """Whether a session that one of the operator's tokens opened (`mark_of`) is of one that still counts."""
        return any(hmac.compare_digest(mark, _mark(one)) for one in (self.operator, *self.also))

    def merchant_of(self, token: str, paddock: Paddock) -> str | None:
        """The merchant whose API key it is."""
        now = paddock.clock.now()
        return next((name for name, one in paddock.merchants.items() if matches(token, *one.digests(now))), None)


def signed_request(connection: Connection, paddock: Paddock, action: str, order_id: str) -> SignedRequest | None:
    """The payer's request of the Authorization header, not yet checked by signature; None where there is none."""
    value = connection.headers.get("authorization", "")
    if value.partition(" ")[0].lower() != requests.SCHEME.lower():
        return None
    try:
        return requests.read(value, action, order_id, int(paddock.clock.now().timestamp()))
    except ProtocolError as error:
        raise BadSignedRequest(error.detail) from error


def bearer(connection: Connection) -> str:
    """The token of `Authorization: Bearer …`, or an empty string."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def matches(token: str, *known: bytes) -> bool:
    """Whether a token is one of those digests'; an empty one never is, whatever was configured."""
    return bool(token) and any(hmac.compare_digest(digest(token), one) for one in known)


def mark_of(token: str) -> bytes:
    """What a session remembers of the operator's token that opened it."""
    return _mark(digest(token))


def _mark(known: bytes) -> bytes:
    return hashlib.sha256(b"paddock console session" + known).digest()


def digest(token: str) -> bytes:
    """SHA-256 of a token."""
    return hashlib.sha256(token.encode()).digest()
