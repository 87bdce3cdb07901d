"""The operator's console: orders as they happen, and each one's way from quote to proof."""

from typing import Any

from litestar import Request, Response, Router, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from server.application.merchant_refund import refunded_from
from server.application.pause import turn
from server.domain.cases import MOST_REASON
from server.domain.errors import NotAllowed, PaddockError
from server.domain.roles import Action
from server.domain.switches import SETTLEMENT_PAUSED
from server.web import live
from server.web.access import About, asker_of, needs
from server.web.anchor_pages import ANCHOR_PAGES
from server.web.callback_pages import CALLBACK_PAGES
from server.web.case_pages import CASE_PAGES
from server.web.entering import ENTERING, PATH
from server.web.given import GivenPaddock
from server.web.key_pages import KEY_PAGES
from server.web.member_pages import MEMBER_PAGES, home
from server.web.order_pages import ORDER_PAGES
from server.web.origins import link_origin
from server.web.overview import SPANS, WORDS, GivenSpan, overview
from server.web.pages import on_page_error, page
from server.web.read_models import MOST, row_of, story
from server.web.refund_pages import REFUND_PAGES
from server.web.service_pages import SERVICE_PAGES
from server.web.statements import console_statement
from server.web.webhook_pages import WEBHOOK_PAGES


@post("/pause", include_in_schema=False, opt=needs(Action.RUN))
async def pause(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Redirect:
    """Hold all settlement; the form has a `reason`."""
    reason = str((await request.form()).get("reason", ""))[:MOST_REASON]
    await turn(paddock.db, paddock.clock, on=True, reason=reason or "no reason given", by="console")
    return Redirect(paddock.prefix + PATH, status_code=303)


@post("/resume", include_in_schema=False, opt=needs(Action.RUN))
async def resume(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Redirect:
    """Let settlement go on."""
    await turn(paddock.db, paddock.clock, on=False, reason="", by="console")
    return Redirect(paddock.prefix + PATH, status_code=303)


@get("/", include_in_schema=False, dependencies=SPANS, opt=needs(Action.SEE))
async def orders(
    request: Request[Any, Any, Any],
    paddock: GivenPaddock,
    span: GivenSpan,
    find: FromQuery[str] = "",
) -> Template | Redirect:
    """Figures of a span, the newest orders, whether all is well; `find` leads to the order of an id or a hash.

    A member sees its merchant's.
    """
    asker = asker_of(request)
    if asker.merchant:
        return await home(paddock, asker, find.strip())
    async with paddock.db.read() as view:
        wanted = find.strip()
        found = await view.orders.found_by(wanted) if wanted else None
        if found or paddock.quotes.read(wanted):
            return Redirect(f"{paddock.prefix}{PATH}/orders/{found or wanted}", status_code=303)
        sequence = await view.orders.last_event()
        seen = await overview(paddock, request.app.state.settling, view, span)
        newest = await view.orders.recent(MOST)
        jobs = await view.outbox.waiting()
        cases = sum((await view.cases.open_kinds()).values())
        switch = await view.switches.get(SETTLEMENT_PAUSED)
    return page(
        "console/orders.html",
        paddock,
        overview=seen,
        rows=[row_of(paddock, order) for order in newest],
        most=MOST,
        spans=list(WORDS.items()),
        jobs=jobs,
        cases=cases,
        block=await live.block_number(paddock),
        sequence=sequence,
        find=wanted,
        paused=switch if switch and switch.on else None,
        merchants=paddock.merchants.values(),
    )


@get("/orders/{order_id:str}", include_in_schema=False, opt=needs(Action.SEE, About.ORDER))
async def order(
    request: Request[Any, Any, Any],
    order_id: FromPath[str],
    paddock: GivenPaddock,
) -> Template:
    """One order, from quote to proof; a quote that nobody has paid yet is shown too."""
    told = await story(paddock, order_id)
    wallet = asker_of(request).wallet
    signs = bool(told.order and wallet and wallet == refunded_from(told.order))
    return page("console/order.html", paddock, story=told, signs=signs, most_reason=MOST_REASON)


def on_stranger(request: Request[Any, Any, Any], error: NotAllowed) -> Response[Any]:
    """401 as a page that says how to get in, and how to become a merchant where anybody may."""
    paddock = request.app.state.paddock
    joining = {"chain": paddock.market.chain_id, "origin": link_origin(paddock, request)}
    shown = page("console/enter.html", paddock, error.status, joining=joining if paddock.open_registration else None)
    shown.headers["WWW-Authenticate"] = 'Bearer realm="Paddock console"'
    return shown


CONSOLE = Router(
    PATH,
    route_handlers=[
        pause,
        resume,
        orders,
        order,
        live.events,
        console_statement,
        *ENTERING,
        *REFUND_PAGES,
        *ORDER_PAGES,
        *CASE_PAGES,
        *CALLBACK_PAGES,
        *SERVICE_PAGES,
        *WEBHOOK_PAGES,
        *KEY_PAGES,
        *ANCHOR_PAGES,
        *MEMBER_PAGES,
    ],
    exception_handlers={PaddockError: on_page_error, NotAllowed: on_stranger},
)
