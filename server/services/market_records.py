"""On sale: a stretch of a bundled daily series, by the record."""

from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from server.services.series import ORIGIN, Record, Symbol, records
from server.services.service import Answer, Context, Service, ServiceError, json_answer
from server.services.tariffs import Tier, Tiers

MOST = 730
TARIFF = Tiers("record", lambda arguments: arguments.count, (Tier(200, last=100), Tier(100)))


class RecordsArguments(Struct, forbid_unknown_fields=True):
    """Days of a series: `count` of them, the first on or after `start`; what is paid for is what is asked for."""

    symbol: Symbol
    start: Annotated[date, Meta(description="As 2024-03-31.")]
    count: Annotated[int, Meta(ge=1, le=MOST, description="Records, one a calendar day.")]


class RecordsAnswer(Struct):
    """Prices in units of the series, as text; oldest first."""

    symbol: str
    source: str
    records: list[Record]


async def run(arguments: RecordsArguments, _context: Context) -> Answer:
    """Raises ServiceError where the series does not have as many: nobody pays for records that are not there."""
    found = [record for record in records(arguments.symbol) if record.date >= arguments.start][: arguments.count]
    if len(found) < arguments.count:
        last = records(arguments.symbol)[-1].date
        raise ServiceError(f"count: {arguments.symbol} has {len(found)} records from {arguments.start} to {last}")
    return json_answer(RecordsAnswer(arguments.symbol, ORIGIN, found))


SERVICE = Service(
    slug="market-records",
    title="Market records (synthetic series)",
    summary="As many daily records of a demonstration series as you ask for, from any day on; paid by the record.",
    kind="data API",
    unit=f"{MOST} records",
    amount=TARIFF.of(MOST),
    tariff=TARIFF,
    arguments=RecordsArguments,
    answers=RecordsAnswer,
    example={"symbol": "DEMO-TREND", "start": "2024-03-01", "count": 5},
    run=run,
    tags=("market", "records", "synthetic"),
)
