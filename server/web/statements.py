"""A merchant's statement over HTTP, for the operator and that merchant, as JSON or CSV while it is read."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from litestar import Request, get
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream

from server.application.paddock import Paddock
from server.application.statement import read_period, require_merchant, statement
from server.application.statement_text import as_csv, as_json
from server.domain.errors import UnknownMerchant
from server.domain.roles import Action
from server.domain.statements import Period
from server.web.access import About, asker_of, needs
from server.web.given import GivenPaddock

CSV, JSON = "text/csv", "application/json"
Start = Annotated[str, QueryParameter(name="from")]
"""The parameter `from`, by another name here: Python keeps that one for itself."""


@get(
    "/api/merchants/{merchant:str}/statement",
    tags=["orders"],
    summary="What a merchant was paid in a period",
    opt=needs(Action.SEE, About.MERCHANT),
)
async def merchant_statement(
    request: Request[Any, Any, Any],
    merchant: FromPath[str],
    paddock: GivenPaddock,
    start: Start = "",
    to: FromQuery[str] = "",
) -> Stream:
    """Opening balance, every row of the ledger, refunds, liabilities and closing balance, for each asset.

    `from` belongs to the period and `to` does not: dates, or times with their zone. With `Accept: text/csv` as CSV.
    """
    kind = request.accept.best_match([JSON, CSV], default=JSON)
    return streamed(paddock, merchant, read_period(start, to), kind or JSON)


@get("/statement", include_in_schema=False, opt=needs(Action.SEE))
async def console_statement(
    request: Request[Any, Any, Any],
    paddock: GivenPaddock,
    merchant: FromQuery[str] = "",
    start: Start = "",
    to: FromQuery[str] = "",
) -> Stream:
    """The same for the console, as CSV."""
    period = read_period(start, to)
    require_merchant(paddock.merchants, merchant)
    if not asker_of(request).owns(merchant):
        raise UnknownMerchant()
    return streamed(paddock, merchant, period, CSV)


def streamed(paddock: Paddock, merchant: str, period: Period, kind: str) -> Stream:
    """The statement as it is made; one that was cut off has no totals."""
    records = statement(paddock, merchant, period)
    text: AsyncIterator[str]
    text = as_csv(paddock.grounds, records) if kind == CSV else as_json(paddock.grounds, merchant, period, records)
    name = f"statement-{period.start:%Y-%m-%d}-{period.end:%Y-%m-%d}.csv"
    headers = {"Cache-Control": "no-store", "Vary": "Accept, Authorization"}
    if kind == CSV:
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return Stream(text, media_type=kind, headers=headers)
