"""What a stretch of a bundled daily series did: its figures, computed from the records, for reports and articles."""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Annotated

from msgspec import Meta, Struct

from server.services.indicators import deepest_fall, realised_volatility
from server.services.series import DAYS_A_YEAR, Record, Symbol, hundredths, records
from server.services.service import ServiceError

LEAST = 3
"""Days of a stretch: a volatility is of two returns or more."""
DIGITS = 6


class Days(Struct, forbid_unknown_fields=True):
    """Which days of a series; by default all of them."""

    symbol: Symbol
    start: Annotated[date | None, Meta(description="The first day, as 2024-03-31; by default the series' first.")] = (
        None
    )
    end: Annotated[date | None, Meta(description="The last day; by default the series' last.")] = None

    def __post_init__(self) -> None:
        if self.start and self.end and self.end < self.start:
            raise ValueError("end: it is before start")


class Point(Struct):
    """A price of the series on a day, as text with two decimals."""

    date: date
    price: str


class Move(Struct):
    """A day's close less the close before, as a fraction of that."""

    date: date
    change: float


class Fall(Struct):
    """From the highest close so far to the lowest one after it: `fraction` of the peak was lost in `days` days."""

    peak: Point
    trough: Point
    fraction: float
    days: int


class Figures(Struct):
    """A stretch from `first` to `last`, both included.

    Prices are in the series' unit. `change` is from the first open to the last close, `volatility` that of daily log
    returns over a year; both, and all changes, are fractions. Days are `up` or `down` by their close against the close
    before, so the first day is neither. `fall` is the deepest, null where no close was below an earlier one.
    """

    first: date
    last: date
    days: int
    open: str
    high: Point
    low: Point
    close: str
    change: float
    average_close: float
    volatility: float
    up: int
    down: int
    best: Move
    worst: Move
    fall: Fall | None
    volume: int


def stretch(asked: Days) -> list[Record]:
    """The records of those days. Raises ServiceError for fewer than `LEAST` days of the series."""
    every = records(asked.symbol)
    found = [one for one in every if (asked.start or one.date) <= one.date <= (asked.end or one.date)]
    if len(found) < LEAST:
        whole = f"{asked.symbol} goes from {every[0].date} to {every[-1].date}"
        raise ServiceError(f"start, end: {len(found)} days of the series are in there, {LEAST} at least; {whole}")
    return found


def figures(days: Sequence[Record]) -> Figures:
    """The figures of consecutive records, of which there are `LEAST` at least; of equals the earliest is named."""
    closes = [hundredths(day.close) for day in days]
    moves = [
        Move(day.date, round(after / before - 1, DIGITS))
        for day, (before, after) in zip(days[1:], pairwise(closes), strict=True)
    ]
    high = max(days, key=lambda day: hundredths(day.high))
    low = min(days, key=lambda day: hundredths(day.low))
    return Figures(
        first=days[0].date,
        last=days[-1].date,
        days=len(days),
        open=days[0].open,
        high=Point(high.date, high.high),
        low=Point(low.date, low.low),
        close=days[-1].close,
        change=round(closes[-1] / hundredths(days[0].open) - 1, DIGITS),
        average_close=round(sum(closes) / len(closes) / 100, DIGITS),
        volatility=round(realised_volatility(closes, len(closes) - 1, DAYS_A_YEAR), DIGITS),
        up=sum(after > before for before, after in pairwise(closes)),
        down=sum(after < before for before, after in pairwise(closes)),
        best=max(moves, key=lambda move: move.change),
        worst=min(moves, key=lambda move: move.change),
        fall=_fall(days, closes),
        volume=sum(day.volume for day in days),
    )


def _fall(days: Sequence[Record], closes: Sequence[int]) -> Fall | None:
    top, bottom = deepest_fall(closes)
    if top == bottom:
        return None
    peak, trough = days[top], days[bottom]
    lost = round(1 - closes[bottom] / closes[top], DIGITS)
    return Fall(Point(peak.date, peak.close), Point(trough.date, trough.close), lost, (trough.date - peak.date).days)
