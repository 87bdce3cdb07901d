"""On sale: a chart of a bundled daily series as an SVG picture, drawn from the records."""

from collections.abc import Sequence
from datetime import date, timedelta
from math import floor, log10
from typing import Literal, NamedTuple

from server.services.period import Days, stretch
from server.services.series import ORIGIN, Record, hundredths
from server.services.service import Answer, Context, Service

MEDIA_TYPE = "image/svg+xml"
WIDTH, HEIGHT = 960, 480
LEFT, RIGHT, TOP, BOTTOM = 72, 48, 48, 56
"""Margins around the plot, in the picture's units."""
TICKS = 5
"""About so many labels at each axis."""

COLOURS = {"light": ("#ffffff", "#1b1f24", "#d0d7de", "#0b6bcb"), "dark": ("#0d1117", "#e6edf3", "#30363d", "#58a6ff")}
"""Background, text, grid and line."""


class ChartArguments(Days):
    """Which days of a series, by default all of them; and on which ground they are drawn."""

    theme: Literal["light", "dark"] = "light"


class Scale(NamedTuple):
    """A line through the picture: `low` is drawn at `at_low`, `high` at `at_high`."""

    low: float
    high: float
    at_low: float
    at_high: float

    def at(self, value: float) -> float:
        """Where a value is drawn, to a hundredth."""
        return round(self.at_low + (value - self.low) / (self.high - self.low) * (self.at_high - self.at_low), 2)


async def run(arguments: ChartArguments, _context: Context) -> Answer:
    """Raises ServiceError for a period with fewer than three days of the series."""
    picture = drawn(arguments.symbol, stretch(arguments), arguments.theme)
    return Answer(picture.encode("ascii"), MEDIA_TYPE)


def drawn(symbol: str, days: Sequence[Record], theme: str) -> str:
    """The picture: one line through all closes, prices at the left, days below; no script and no reference."""
    ground, ink, grid, line = COLOURS[theme]
    closes = [hundredths(day.close) / 100 for day in days]
    since = [(day.date - days[0].date).days for day in days]
    prices = ticks(min(closes), max(closes))
    across = Scale(0, since[-1], LEFT, WIDTH - RIGHT)
    up = Scale(prices[0], prices[-1], HEIGHT - BOTTOM, TOP)
    dates = sorted({round(since[-1] * number / TICKS) for number in range(TICKS + 1)})
    points = " ".join(f"{across.at(day)},{up.at(close)}" for day, close in zip(since, closes, strict=True))
    span = f"{days[0].date} to {days[-1].date}"
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            'role="img" aria-labelledby="title about" font-family="sans-serif" font-size="13">',
            f'<title id="title">{symbol}, daily closes, {span}</title>',
            f'<desc id="about">{ORIGIN}</desc>',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{ground}"/>',
            f'<text x="{LEFT}" y="28" font-size="18" fill="{ink}">{symbol}, {span} (synthetic)</text>',
            f'<g stroke="{grid}">',
            *(f'<path d="M{LEFT} {up.at(price)}H{WIDTH - RIGHT}"/>' for price in prices),
            "</g>",
            f'<g fill="{ink}" text-anchor="end" dominant-baseline="middle">',
            *(f'<text x="{LEFT - 8}" y="{up.at(price)}">{price:.2f}</text>' for price in prices),
            "</g>",
            f'<g fill="{ink}" text-anchor="middle">',
            *(_dated(across.at(day), days[0].date + timedelta(day)) for day in dates),
            "</g>",
            f'<polyline points="{points}" fill="none" stroke="{line}" stroke-width="1.5" stroke-linejoin="round"/>',
            "</svg>\n",
        )
    )


def _dated(across: float, day: date) -> str:
    return f'<text x="{across}" y="{HEIGHT - 24}">{day}</text>'


def ticks(least: float, most: float) -> list[float]:
    """Prices to be written, a round step apart, from at most `least` to above `most`."""
    span = most - least or most
    power = 10.0 ** floor(log10(span / TICKS))
    step = next(factor * power for factor in (1, 2, 5, 10) if span <= TICKS * factor * power)
    return [number * step for number in range(floor(least / step), floor(most / step) + 2)]


SERVICE = Service(
    slug="market-chart",
    title="Market chart (synthetic series)",
    summary="A chart of a demonstration series over the days that you name, as an SVG picture in light or dark.",
    kind="digital content",
    unit="media asset",
    amount=50_000,
    arguments=ChartArguments,
    answers=MEDIA_TYPE,
    example={"symbol": "DEMO-CYCLE"},
    run=run,
    tags=("market", "chart", "svg", "picture", "synthetic"),
    for_ever=True,
)
