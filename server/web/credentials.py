"""Who is asking: the operator by token, a merchant by its API key, a payer by a request that it signed."""

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from litestar.connection import ASGIConnection

from protocol import requests
from protocol.errors import ProtocolError
from protocol.networks import chain_id
from protocol.requests import SignedRequest
from server.application.paddock import Paddock
from server.application.wallet_signatures import accepted_on
from server.domain.errors import BadSignedRequest, UnknownOrder
from server.domain.orders import Order

COOKIE = "paddock_console"
Connection = ASGIConnection[Any, Any, Any, Any]


class Role(StrEnum):
    """What somebody is to an order."""

    OPERATOR = "operator"
    MERCHANT = "merchant"
    PAYER = "payer"
    STRANGER = "stranger"


STAFF = frozenset({Role.OPERATOR, Role.MERCHANT})
PARTIES = STAFF | {Role.PAYER}


@dataclass(frozen=True, slots=True)
class Asked:
    """An order, and who asks for it; `signed` is the payer's request."""

    order: Order
    role: Role
    signed: SignedRequest | None = None


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

    def staff(self, connection: Connection, paddock: Paddock) -> tuple[Role, str | None]:
        """The operator, or a merchant with its id, by their tokens; else a stranger. A cookie does not count."""
        token = bearer(connection)
        if self.opens(token):
            return Role.OPERATOR, None
        merchant = self.merchant_of(token, paddock)
        return (Role.MERCHANT, merchant) if merchant else (Role.STRANGER, None)

    def merchant_of(self, token: str, paddock: Paddock) -> str | None:
        """The merchant whose API key it is."""
        now = paddock.clock.now()
        return next((name for name, one in paddock.merchants.items() if matches(token, *one.digests(now))), None)

    async def role(self, connection: Connection, paddock: Paddock, order: Order, signed: SignedRequest | None) -> Role:
        """What the asker is to this order; another order's merchant, and whoever did not pay it, is a stranger."""
        role, merchant = self.staff(connection, paddock)
        if role is Role.OPERATOR or (role is Role.MERCHANT and merchant == order.terms.merchant):
            return role
        payer, chain = order.authorization.payer, chain_id(order.terms.network)
        wallet = accepted_on(paddock.on(order.terms.network).chain)
        return Role.PAYER if signed and await requests.is_signed_by(signed, payer, chain, wallet) else Role.STRANGER

    async def require(
        self, connection: Connection, paddock: Paddock, order_id: str, action: str, allowed: frozenset[Role]
    ) -> Asked:
        """The order and who asks. Raises UnknownOrder, in the same words for one that is not there and not theirs.

        BadSignedRequest for a header that cannot be a request for this: it says nothing of whether the order is there.
        """
        signed = signed_request(connection, paddock, action, order_id)
        async with paddock.db.read() as view:
            order = await view.orders.get(order_id)
        role = await self.role(connection, paddock, order, signed) if order else Role.STRANGER
        if order is None or role not in allowed:
            raise UnknownOrder()
        return Asked(order, role, signed if role is Role.PAYER else None)


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
