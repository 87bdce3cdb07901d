"""Who is asking: the operator by token, a merchant by its API key."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from litestar.connection import ASGIConnection

from server.application.paddock import Paddock
from server.domain.errors import NotAllowed

COOKIE = "paddock_console"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Digests of what opens the operator's doors; the token itself is not kept."""

    operator: bytes

    def is_operator(self, connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
        """By the Authorization header, or by the console's cookie."""
        return matches(bearer(connection) or connection.cookies.get(COOKIE, ""), self.operator)

    def require_operator(self, connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        """Raises NotAllowed."""
        if not self.is_operator(connection):
            raise NotAllowed("this is the operator's")

    def require_operator_or_merchant(
        self, connection: ASGIConnection[Any, Any, Any, Any], paddock: Paddock, merchant: str
    ) -> None:
        """Raises NotAllowed unless the operator asks, or that merchant by its key. A cookie does not count."""
        token = bearer(connection)
        if not any(matches(token, known) for known in (self.operator, paddock.merchants[merchant].key_digest)):
            raise NotAllowed("this is for the operator and the order's merchant")


def bearer(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The token of `Authorization: Bearer …`, or an empty string."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def matches(token: str, known: bytes) -> bool:
    """Whether a token is the one of that digest; an empty one never is, whatever was configured."""
    return bool(token) and hmac.compare_digest(digest(token), known)


def digest(token: str) -> bytes:
    """SHA-256 of a token."""
    return hashlib.sha256(token.encode()).digest()
