"""The one guard of console and merchants' interface: who asks, and whether the table lets them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from litestar.handlers import BaseRouteHandler

from server.application.membership import role_in
from server.application.paddock import Paddock
from server.domain.access_errors import RoleForbids
from server.domain.errors import (
    InternalError,
    NotAllowed,
    RequestRefused,
    UnknownCase,
    UnknownMerchant,
    UnknownOrder,
    UnknownWebhook,
)
from server.domain.roles import Action, Role, may
from server.web.credentials import COOKIE, Connection, Credentials, bearer, digest
from server.web.given import started

CONSOLE, MERCHANTS = "/console", "/api/merchants"
"""Whatever is routed below these must say what it needs; without a word nobody gets in."""
_SAFE = ("GET", "HEAD", "OPTIONS")
_NEEDS = "needs"


class About(StrEnum):
    """What a route is about: one merchant's thing that its path names, or `OWN`, what its handler narrows to the
    asker's merchant."""

    OWN = "own"
    MERCHANT = "merchant"
    ORDER = "order_id"
    CASE = "case_id"
    ENDPOINT = "endpoint_id"


@dataclass(frozen=True, slots=True)
class Needs:
    """What a route needs."""

    action: Action
    about: About


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks; `merchant` is empty for the marketplace's operator, `wallet` for whoever came by a token or key."""

    role: Role
    merchant: str = ""
    wallet: str = ""
    session: bytes = b""

    @property
    def by(self) -> str:
        """For an audit."""
        return self.wallet or self.merchant or "operator"

    def may(self, action: str) -> bool:
        """For pages, which show no button that would be refused: whether it may do the action of that name."""
        return may(self.role, Action[action])

    def owns(self, merchant: str | None) -> bool:
        """Whether that merchant's things are its to see."""
        return self.role is Role.MARKETPLACE or (bool(self.merchant) and merchant == self.merchant)


def needs(action: Action, about: About = About.OWN) -> dict[str, Any]:
    """A route's `opt`."""
    return {_NEEDS: Needs(action, about)}


def needed(handler: BaseRouteHandler) -> Needs | None:
    """What a route says that it needs; None if it does not say."""
    return handler.opt.get(_NEEDS)


def is_guarded(path: str) -> bool:
    """Whether a route of that template is one of those."""
    return any(path == top or path.startswith(top + "/") for top in (CONSOLE, MERCHANTS))


def asker_of(connection: Connection) -> Asker:
    """Who the guard found to ask."""
    found: Asker = connection.state.asker
    return found


async def permit(connection: Connection, handler: BaseRouteHandler) -> None:
    """Litestar's guard, for all routes. Raises NotAllowed for strangers and foreign forms, RoleForbids, and for what is
    another merchant's the words for what is not there."""
    path = connection.scope["path_template"]
    method = connection.scope.get("method")
    if not is_guarded(path) or method == "OPTIONS":
        return
    rule, pages = needed(handler), not path.startswith(MERCHANTS)
    if rule is None:
        raise InternalError(f"{path} does not say what it needs")
    if pages:
        _require_own_form(connection, safe=method in _SAFE)
    if rule.action is Action.ENTER:
        return
    paddock = started(connection.app.state, "paddock", Paddock)
    asker = connection.state.asker = await who(connection, paddock, connection.app.state.credentials, pages=pages)
    if asker.role is Role.STRANGER:
        raise NotAllowed("this is for the operator and the merchant itself")
    if rule.about is not About.OWN:
        await _require_own(paddock, asker, rule.about, connection.path_params, pages=pages)
    if not may(asker.role, rule.action):
        raise RoleForbids(f"as {asker.role} one may not {rule.action}")


async def who(connection: Connection, paddock: Paddock, credentials: Credentials, *, pages: bool) -> Asker:
    """By the operator's token, a merchant's key, or a session; on pages a session may be a cookie, and no key counts.

    A member is what it is at this moment, whatever it was when it came in.
    """
    token = bearer(connection)
    if credentials.opens(token):
        return Asker(Role.MARKETPLACE)
    merchant = None if pages else credentials.merchant_of(token, paddock)
    if merchant:
        return Asker(Role.KEY, merchant)
    secret = token or (connection.cookies.get(COOKIE, "") if pages else "")
    if not secret:
        return Asker(Role.STRANGER)
    async with paddock.db.read() as view:
        session = await view.sessions.find(digest(secret), paddock.clock.now())
        if session is None:
            return Asker(Role.STRANGER)
        if not session.wallet:
            own = pages and credentials.is_of(session.token)
            return Asker(Role.MARKETPLACE if own else Role.STRANGER, session=session.secret)
        role = await role_in(paddock, view, session.merchant, session.wallet)
    return Asker(role, session.merchant, session.wallet, session.secret)


async def _require_own(paddock: Paddock, asker: Asker, about: About, given: Mapping[str, Any], *, pages: bool) -> None:
    """What is not there is the handler's to say, in the same words."""
    name, unknown = str(given[about]), _UNKNOWN[about]
    if asker.role is Role.MARKETPLACE and about is not About.MERCHANT:
        return
    merchant = await _merchant_of(paddock, about, name)
    if merchant is not None and asker.owns(merchant):
        return
    if about is About.MERCHANT and not pages and asker.role is not Role.MARKETPLACE:
        raise NotAllowed("this is for the operator and the merchant itself")
    raise unknown()


_UNKNOWN: Mapping[About, type[RequestRefused]] = {
    About.MERCHANT: UnknownMerchant,
    About.ORDER: UnknownOrder,
    About.CASE: UnknownCase,
    About.ENDPOINT: UnknownWebhook,
}


async def _merchant_of(paddock: Paddock, about: About, name: str) -> str | None:
    if about is About.MERCHANT:
        return name if name in paddock.merchants else None
    async with paddock.db.read() as view:
        if about is About.ORDER:
            order = await view.orders.get(name)
            return order.terms.merchant if order else None
        found = await (view.cases.get(name) if about is About.CASE else view.webhooks.endpoint(name))
    return found.merchant if found else None


def _require_own_form(connection: Connection, *, safe: bool) -> None:
    """Another site's form has no cookie with it, and a neighbour's, on another port of this host, says so."""
    site = connection.headers.get("sec-fetch-site", "same-origin")
    if not safe and site != "same-origin":
        raise NotAllowed("that form was not the console's own")
