"""Coming in by the link, leaving, and what a page knows of who is there."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery
from litestar.response import Redirect

from agent.console.desk import Desk
from agent.console.forms import Given, require_csrf
from agent.console.sessions import Session
from agent.errors import AgentError

COOKIE = "paddock_agent_console"
OPEN = "open"
"""The option of a handler that strangers may ask."""
WATCHES = "watches"
"""The option of a handler that a script asks by itself; that is no use of the person's."""
LIVE = "paddock-live"
"""The header by which a script reads a page again; no use of the person's either."""


class Stranger(AgentError):
    """Somebody who has not come by the link, or was idle too long."""


def desk_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Desk:
    desk: Desk = connection.app.state.desk
    return desk


def session_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Session:
    """The session that the guard found."""
    session: Session = connection.state.session
    return session


def require_session(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """The guard of every path that is not open. Raises Stranger."""
    if handler.opt.get(OPEN):
        return
    used = LIVE not in connection.headers and not handler.opt.get(WATCHES)
    session = desk_of(connection).sessions.find(connection.cookies.get(COOKIE, ""), use=used)
    if session is None:
        raise Stranger("this console is for the person whose money it is")
    connection.state.session = session


@get("/enter", opt={OPEN: True}, sync_to_thread=True)
def enter(request: Request[Any, Any, Any], token: FromQuery[str] = "") -> Response[Any]:
    """The link's token becomes a cookie, once, and leaves the address bar."""
    session = desk_of(request).sessions.enter(token)
    if session is None:
        raise Stranger("that link was used, or is not this console's")
    cookie = Cookie(COOKIE, value=session.secret, path="/", httponly=True, samesite="strict")
    return Redirect("/", status_code=303, cookies=[cookie])


@post("/leave", sync_to_thread=True)
def leave(request: Request[Any, Any, Any], data: Given) -> Response[Any]:
    """End the session; a new link is published."""
    require_csrf(session_of(request), data)
    sessions = desk_of(request).sessions
    sessions.leave()
    sessions.open_link()
    gone = Redirect("/", status_code=303)
    gone.delete_cookie(COOKIE, path="/")
    return gone
