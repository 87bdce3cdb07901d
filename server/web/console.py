"""The operator's console: orders as they happen, and each one's way from quote to proof."""

from typing import Any
from urllib.parse import quote

from litestar import Request, Response, Router, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from server.application.paddock import Paddock
from server.application.pause import turn
from server.domain.cases import MOST_REASON
from server.domain.errors import NotAllowed, PaddockError
from server.domain.switches import SETTLEMENT_PAUSED
from server.web import live
from server.web.anchor_pages import ANCHOR_PAGES
from server.web.callback_pages import CALLBACK_PAGES
from server.web.case_pages import CASE_PAGES
from server.web.credentials import COOKIE, Credentials
from server.web.given import GivenCredentials, GivenPaddock
from server.web.key_pages import KEY_PAGES
from server.web.order_pages import ORDER_PAGES
from server.web.overview import SPANS, WORDS, GivenSpan, overview
from server.web.pages import on_page_error, page
from server.web.read_models import WINDOW, row_of, story
from server.web.service_pages import SERVICE_PAGES
from server.web.statements import console_statement
from server.web.webhook_pages import WEBHOOK_PAGES

PATH = "/console"
SESSION_SECONDS = 12 * 3600


@get("/enter", include_in_schema=False)
async def enter_by_link(
    paddock: GivenPaddock, credentials: GivenCredentials, token: FromQuery[str] = ""
) -> Response[Any]:
    """The link that `make up` gives: a right token becomes a cookie and leaves the address bar."""
    return _enter(paddock, credentials, token)


@post("/enter", include_in_schema=False)
async def enter_by_form(
    request: Request[Any, Any, Any], paddock: GivenPaddock, credentials: GivenCredentials
) -> Response[Any]:
    """The same by the form that stands on the page for strangers."""
    return _enter(paddock, credentials, str((await request.form()).get("token", "")))


@post("/leave", include_in_schema=False)
async def leave(request: Request[Any, Any, Any], paddock: GivenPaddock, credentials: GivenCredentials) -> Redirect:
    """Forget the cookie."""
    credentials.require_own_form(request)
    gone = Redirect(f"{paddock.prefix}/", status_code=303, headers={"Cache-Control": "no-store"})
    gone.delete_cookie(COOKIE, path=paddock.prefix + PATH)
    return gone


@post("/pause", include_in_schema=False)
async def pause(request: Request[Any, Any, Any], paddock: GivenPaddock, credentials: GivenCredentials) -> Redirect:
    """Hold all settlement; the form has a `reason`."""
    credentials.require_own_form(request)
    reason = str((await request.form()).get("reason", ""))[:MOST_REASON]
    await turn(paddock.db, paddock.clock, on=True, reason=reason or "no reason given", by="console")
    return Redirect(paddock.prefix + PATH, status_code=303)


@post("/resume", include_in_schema=False)
async def resume(request: Request[Any, Any, Any], paddock: GivenPaddock, credentials: GivenCredentials) -> Redirect:
    """Let settlement go on."""
    credentials.require_own_form(request)
    await turn(paddock.db, paddock.clock, on=False, reason="", by="console")
    return Redirect(paddock.prefix + PATH, status_code=303)


@get("/", include_in_schema=False, dependencies=SPANS)
async def orders(
    request: Request[Any, Any, Any],
    paddock: GivenPaddock,
    credentials: GivenCredentials,
    span: GivenSpan,
    find: FromQuery[str] = "",
) -> Template | Redirect:
    """Figures of a span, the newest orders, whether all is well; `find` leads to the order of an id or a hash."""
    credentials.require_operator(request)
    async with paddock.db.read() as view:
        wanted = find.strip()
        found = await view.orders.found_by(wanted) if wanted else None
        if found or paddock.quotes.read(wanted):
            return Redirect(f"{paddock.prefix}{PATH}/orders/{found or wanted}", status_code=303)
        sequence = await view.orders.last_event()
        seen = await overview(paddock, request.app.state.settling, view, span)
        newest = await view.orders.recent(WINDOW)
        jobs = await view.outbox.waiting()
        cases = sum((await view.cases.open_kinds()).values())
        switch = await view.switches.get(SETTLEMENT_PAUSED)
    return page(
        "console/orders.html",
        paddock,
        overview=seen,
        rows=[row_of(paddock, order) for order in newest],
        most=WINDOW,
        spans=list(WORDS.items()),
        jobs=jobs,
        cases=cases,
        block=await live.block_number(paddock),
        sequence=sequence,
        find=wanted,
        paused=switch if switch and switch.on else None,
        merchants=paddock.merchants.values(),
    )


@get("/orders/{order_id:str}", include_in_schema=False)
async def order(
    request: Request[Any, Any, Any],
    order_id: FromPath[str],
    paddock: GivenPaddock,
    credentials: GivenCredentials,
) -> Template:
    """One order, from quote to proof; a quote that nobody has paid yet is shown too."""
    credentials.require_operator(request)
    return page("console/order.html", paddock, story=await story(paddock, order_id), most_reason=MOST_REASON)


def on_stranger(request: Request[Any, Any, Any], error: NotAllowed) -> Response[Any]:
    """401 as a page that says how to get in."""
    shown = page("console/enter.html", request.app.state.paddock, error.status)
    shown.headers["WWW-Authenticate"] = 'Bearer realm="Paddock console"'
    return shown


def _enter(paddock: Paddock, credentials: Credentials, token: str) -> Redirect:
    if not credentials.opens(token):
        raise NotAllowed("this is the operator's")
    cookie = Cookie(
        COOKIE,
        path=paddock.prefix + PATH,
        value=quote(token, safe=""),
        max_age=SESSION_SECONDS,
        secure=paddock.origin.startswith("https:"),
        httponly=True,
        samesite="strict",
    )
    return Redirect(paddock.prefix + PATH, status_code=303, cookies=[cookie], headers={"Cache-Control": "no-store"})


CONSOLE = Router(
    PATH,
    route_handlers=[
        enter_by_link,
        enter_by_form,
        leave,
        pause,
        resume,
        orders,
        order,
        live.events,
        console_statement,
        *ORDER_PAGES,
        *CASE_PAGES,
        *CALLBACK_PAGES,
        *SERVICE_PAGES,
        *WEBHOOK_PAGES,
        *KEY_PAGES,
        *ANCHOR_PAGES,
    ],
    exception_handlers={PaddockError: on_page_error, NotAllowed: on_stranger},
)
