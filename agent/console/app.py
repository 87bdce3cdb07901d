"""The console as an ASGI application: its paths, who may ask them, and errors as pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from litestar import Litestar, Request, Response, get
from litestar.datastructures import State
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath
from litestar.types import ASGIApp

from agent.console.answers import ANSWERS
from agent.console.desk import Desk
from agent.console.entering import OPEN, Stranger, desk_of, enter, leave, require_session
from agent.console.forms import LARGEST
from agent.console.guard import Guard
from agent.console.live import events
from agent.console.pages import PAGES
from agent.console.rendering import TEMPLATES, render
from agent.errors import AgentError, UnknownPurchase

STATIC, SHARED = Path(__file__).resolve().parent / "static", TEMPLATES.parent / "static"
FILES = {
    "agent.css": (STATIC, "text/css"),
    "agent.js": (STATIC, "text/javascript"),
    "tokens.css": (SHARED, "text/css"),
    "favicon.svg": (SHARED, "image/svg+xml"),
}
"""Each file's folder and kind; the shared ones are the marketplace's too."""


def create_app(desk: Desk, hosts: frozenset[str]) -> ASGIApp:
    """The application, which answers to these names with their port alone."""

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        desk.sessions.open_link()
        try:
            yield
        finally:
            desk.sessions.close_link()

    app = Litestar(
        [*PAGES, *ANSWERS, enter, leave, events, static],
        guards=[require_session],
        state=State({"desk": desk}),
        lifespan=[lifespan],
        exception_handlers={
            Stranger: _on_stranger,
            AgentError: _on_error,
            HTTPException: _on_http_error,
        },
        request_max_body_size=LARGEST,
        openapi_config=None,
    )
    return Guard(app, hosts)


@get("/static/{name:str}", opt={OPEN: True}, sync_to_thread=False)
def static(name: FromPath[str]) -> Response[bytes]:
    """Style, script and icon: nothing of anybody's."""
    if name not in FILES:
        raise NotFoundException("there is no such file")
    folder, kind = FILES[name]
    return Response((folder / name).read_bytes(), media_type=kind)


def _on_stranger(request: Request[Any, Any, Any], error: Stranger) -> Response[Any]:
    """How to come in; the way there is open, if nobody is in."""
    desk_of(request).sessions.open_link()
    return render("enter.html", 401, detail=str(error))


def _on_error(_: Request[Any, Any, Any], error: AgentError) -> Response[Any]:
    status = 404 if isinstance(error, UnknownPurchase) else 409
    return render("problem.html", status, detail=str(error), mend=error.mend)


def _on_http_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    return render("problem.html", error.status_code, detail=error.detail, mend="")
