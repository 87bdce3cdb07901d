"""The console's list of all orders: those that are wanted, page by page or all of them as CSV."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from litestar import Request, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, SkipValidation
from litestar.response import Stream, Template

from protocol.amounts import display
from server.application.paddock import Paddock
from server.domain.csv_text import csv_line
from server.domain.errors import BadArguments
from server.domain.order_status import OrderFilter, OrderStatus, status_of
from server.domain.orders import Order
from server.domain.roles import Action
from server.services.arguments import checksummed
from server.web.access import asker_of, needs
from server.web.given import GivenPaddock
from server.web.pages import page
from server.web.read_models import MOST, row_of

GivenFilter = NamedDependency[SkipValidation[OrderFilter]]
COLUMNS = (
    "order", "time", "status", "service", "merchant", "mode", "network", "asset", "symbol", "amount", "display",
    "payer", "settlement", "callback", "refund", "failure",
)  # fmt: skip


async def read_filter(
    status: FromQuery[str] = "", service: FromQuery[str] = "", payer: FromQuery[str] = "", before: FromQuery[str] = ""
) -> OrderFilter:
    """What a form says; `before` is the order behind which a page begins. Raises BadArguments."""
    if status not in {"", *OrderStatus}:
        raise BadArguments(f"status: {status[:40]!r} is none; it is one of {', '.join(OrderStatus)}")
    try:
        address = checksummed(payer.strip()) if payer.strip() else ""
    except ValueError:
        raise BadArguments(f"payer: {payer[:80]!r} is no address: 0x and 40 hex digits") from None
    return OrderFilter(OrderStatus(status) if status else None, service.strip(), address, before)


FILTERED = {"wanted": Provide(read_filter)}


@get("/orders", include_in_schema=False, dependencies=FILTERED, opt=needs(Action.SEE))
async def order_list(request: Request[Any, Any, Any], paddock: GivenPaddock, wanted: GivenFilter) -> Template:
    """All orders of a status, a service or a payer, newest first."""
    async with paddock.db.read() as view:
        found = await view.orders.recent(MOST + 1, replace(wanted, merchant=asker_of(request).merchant))
    shown = found[:MOST]
    chosen = {"status": wanted.status or "", "service": wanted.service, "payer": wanted.payer}
    same = {name: value for name, value in chosen.items() if value}
    return page(
        "console/list.html",
        paddock,
        rows=[row_of(paddock, order) for order in shown],
        chosen=chosen,
        statuses=[one.value for one in OrderStatus],
        older=urlencode(same | {"before": shown[-1].id}) if len(found) > MOST else "",
        same=urlencode(same),
        first=not wanted.before,
    )


@get("/orders.csv", include_in_schema=False, dependencies=FILTERED, opt=needs(Action.SEE))
async def orders_as_csv(request: Request[Any, Any, Any], paddock: GivenPaddock, wanted: GivenFilter) -> Stream:
    """The same, all of them."""
    named = {"Content-Disposition": 'attachment; filename="orders.csv"', "Cache-Control": "no-store"}
    return Stream(
        _lines(paddock, replace(wanted, merchant=asker_of(request).merchant)), media_type="text/csv", headers=named
    )


async def _lines(paddock: Paddock, wanted: OrderFilter) -> AsyncIterator[str]:
    """Read a page at a time, so that neither memory nor a transaction grows with the list."""
    yield csv_line(COLUMNS)
    while True:
        async with paddock.db.read() as view:
            found = await view.orders.recent(MOST, wanted)
        for order in found:
            yield csv_line(_row(paddock, order))
        if len(found) < MOST:
            return
        wanted = replace(wanted, before=found[-1].id)


def _row(paddock: Paddock, order: Order) -> list[str]:
    """As COLUMNS name it; amounts in atomic units and as people read them, times in UTC."""
    terms, asset = order.terms, paddock.shown_asset(order)
    at = order.created_at.isoformat().replace("+00:00", "Z")
    about = [order.id, at, status_of(order), terms.service, terms.merchant, terms.mode.name, terms.network, terms.asset]
    money = [asset.symbol, str(order.price), display(order.price, asset.decimals), order.authorization.payer]
    later = (order.settlement_tx, order.callback_tx, order.refund_tx, order.failure)
    return [*about, *money, *(value or "" for value in later)]


ORDER_PAGES: list[Any] = [order_list, orders_as_csv]
