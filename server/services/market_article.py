"""On sale: an article on a bundled daily series, whose every figure is computed from the series when it is sold."""

from collections.abc import Iterator
from datetime import date
from itertools import groupby

from msgspec import Struct

from server.services.period import Fall, Figures, figures
from server.services.series import DAYS_A_YEAR, ORIGIN, Record, Symbol, hundredths, records
from server.services.service import Answer, Context, Service

MEDIA_TYPE = "text/markdown"


class ArticleArguments(Struct, forbid_unknown_fields=True):
    """Which series it is on."""

    symbol: Symbol


async def run(arguments: ArticleArguments, _context: Context) -> Answer:
    """Markdown in ASCII."""
    return Answer(article(arguments.symbol).encode("ascii"), MEDIA_TYPE)


def article(symbol: str) -> str:
    """The article on a symbol's whole series."""
    days = records(symbol)
    whole = figures(days)
    quarters = [(name, figures(list(part))) for name, part in groupby(days, lambda day: _quarter(day.date))]
    paragraphs = (
        f"# {symbol}, from {whole.first} to {whole.last}",
        f"> A {ORIGIN}.",
        _overview(symbol, whole),
        "## How much it moved",
        _movement(whole, quarters),
        "## The deepest fall",
        _fall(whole.fall, days) if whole.fall else "No close was ever below an earlier one.",
        "## Quarter by quarter",
        _table(quarters),
        "## How the figures are made",
        _method(),
    )
    return "\n\n".join(paragraphs) + "\n"


def _quarter(day: date) -> str:
    return f"{day.year} Q{(day.month + 2) // 3}"


def _overview(symbol: str, whole: Figures) -> str:
    way = "above" if whole.change > 0 else "below"
    return (
        f"{symbol} closed at {whole.close} on {whole.last}, {abs(whole.change):.1%} {way} the {whole.open} at which it "
        f"had opened on {whole.first}. Its highest price was {whole.high.price}, on {whole.high.date}; its "
        f"lowest was {whole.low.price}, on {whole.low.date}. The mean of its closes is {whole.average_close:.2f}."
    )


def _movement(whole: Figures, quarters: list[tuple[str, Figures]]) -> str:
    calm, calmest = min(quarters, key=lambda quarter: quarter[1].volatility)
    wild, wildest = max(quarters, key=lambda quarter: quarter[1].volatility)
    times = wildest.volatility / calmest.volatility
    return (
        f"It closed higher than the day before on {whole.up} days, and lower on {whole.down}. The best day was "
        f"{whole.best.date} ({whole.best.change:+.1%}), the worst {whole.worst.date} ({whole.worst.change:+.1%}). "
        f"Its volatility over a year is {whole.volatility:.1%}. The calmest quarter was {calm} with "
        f"{calmest.volatility:.1%}, the wildest {wild} with {wildest.volatility:.1%}, {times:.1f} times as much."
    )


def _fall(fall: Fall, days: tuple[Record, ...]) -> str:
    peak = hundredths(fall.peak.price)
    later = (day.date for day in days if day.date > fall.trough.date and hundredths(day.close) >= peak)
    back = next(later, None)
    end = f"It closed there or higher again on {back}." if back else "It has not closed there again since."
    return (
        f"From a close of {fall.peak.price} on {fall.peak.date} it fell to {fall.trough.price} on {fall.trough.date}: "
        f"{fall.fraction:.1%} in {fall.days} days. {end}"
    )


def _table(quarters: list[tuple[str, Figures]]) -> str:
    return "\n".join(_rows(quarters))


def _rows(quarters: list[tuple[str, Figures]]) -> Iterator[str]:
    yield "| quarter | open | high | low | close | change | volatility | volume |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    for name, one in quarters:
        prices = (one.open, one.high.price, one.low.price, one.close)
        yield f"| {name} | {' | '.join(prices)} | {one.change:+.1%} | {one.volatility:.1%} | {one.volume:,} |"


def _method() -> str:
    return (
        "A change is from the first open to the last close. Volatility is the sample standard deviation of daily log "
        f"returns within the period, times the root of {DAYS_A_YEAR}. A fall is measured between closes. The records "
        "themselves are sold as market-records and market-history, so every figure can be computed again."
    )


SERVICE = Service(
    slug="market-article",
    title="Market article (synthetic series)",
    summary="Two years of a demonstration series told in words and figures, with a table of its quarters; Markdown.",
    kind="digital content",
    unit="article",
    amount=250_000,
    arguments=ArticleArguments,
    answers=MEDIA_TYPE,
    example={"symbol": "DEMO-STORM"},
    run=run,
    tags=("market", "article", "markdown", "synthetic"),
    for_ever=True,
)
