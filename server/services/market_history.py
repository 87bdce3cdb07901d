"""On sale: a whole bundled daily series as CSV."""

from msgspec import Struct

from server.services.series import Symbol, csv_bytes
from server.services.service import Answer, Context, Service

MEDIA_TYPE = "text/csv"


class HistoryArguments(Struct, forbid_unknown_fields=True):
    """Which series."""

    symbol: Symbol


async def run(arguments: HistoryArguments, context: Context) -> Answer:
    """Columns: symbol, date, open, high, low, close, volume, source; one row a calendar day, oldest first."""
    return Answer(csv_bytes(arguments.symbol), MEDIA_TYPE)


SERVICE = Service(
    slug="market-history",
    title="Market history (synthetic series)",
    summary="Two years of daily open, high, low, close and volume as one CSV file; a demonstration series, marked so.",
    kind="digital content",
    unit="dataset",
    amount=12_000_000,
    arguments=HistoryArguments,
    answers=MEDIA_TYPE,
    example={"symbol": "DEMO-TREND"},
    run=run,
    tags=("market", "dataset", "csv", "synthetic"),
    opened_by=("AccessPass", "Subscription"),
    for_ever=True,
)
