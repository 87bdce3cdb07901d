"""On sale: a report of what a bundled daily series did in a period."""

from msgspec import Struct

from server.services.period import Days, Figures, figures, stretch
from server.services.series import ORIGIN
from server.services.service import Answer, Context, Service, json_answer


class PeriodReport(Struct):
    """The figures of the days that the series has in the period; `source` says where the series is from."""

    symbol: str
    figures: Figures
    source: str


async def run(arguments: Days, _context: Context) -> Answer:
    """Raises ServiceError for a period with fewer than three days of the series."""
    return json_answer(PeriodReport(arguments.symbol, figures(stretch(arguments)), ORIGIN))


SERVICE = Service(
    slug="market-report",
    title="Market report (synthetic series)",
    summary="What a demonstration series did in a period: range, change, volatility, best and worst day, deepest fall.",
    kind="data API",
    unit="report",
    amount=20_000,
    arguments=Days,
    answers=PeriodReport,
    example={"symbol": "DEMO-STORM", "start": "2024-10-01", "end": "2025-03-31"},
    run=run,
    tags=("market", "report", "statistics", "synthetic"),
)
