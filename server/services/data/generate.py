"""Writes the synthetic demonstration series, in integers only so that every machine makes the same bytes."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

HEADER = "symbol,date,open,high,low,close,volume,source"
SEED = "paddock-demo-series-v1"
FIRST_DAY = date(2024, 1, 1)
DAYS = 730

_UNIT = 10_000
"""Prices are kept in ten-thousandths and written in hundredths."""
_PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Shape:
    """A day's `drift(day, price)` and `volatility(day)`, both in parts per million; price in ten-thousandths."""

    start: int
    drift: Callable[[int, int], int]
    volatility: Callable[[int], int]
    volume: int


def _storm(day: int, within: int, outside: int) -> int:
    """One figure for the 120 days of the storm, another for all other days."""
    return within if 300 <= day < 420 else outside


def _triangle(day: int, period: int, height: int) -> int:
    """A wave between `height` and `-height`, starting at the top."""
    phase = day % period
    return height - 4 * height * min(phase, period - phase) // period


SHAPES: dict[str, Shape] = {
    "DEMO-TREND": Shape(100 * _UNIT, lambda day, price: 900, lambda day: 14_000, 120_000),
    "DEMO-RANGE": Shape(
        50 * _UNIT, lambda day, price: (50 * _UNIT - price) * 80_000 // price, lambda day: 17_000, 60_000
    ),
    "DEMO-STORM": Shape(
        240 * _UNIT, lambda day, price: _storm(day, -4_000, 700), lambda day: _storm(day, 48_000, 12_000), 300_000
    ),
    "DEMO-CYCLE": Shape(20 * _UNIT, lambda day, price: _triangle(day, 180, 7_000), lambda day: 20_000, 900_000),
}


def draw(symbol: str, day: int, number: int) -> int:
    """A number from 0 to 65535, fixed by its name."""
    digest = hashlib.sha256(f"{SEED}|{symbol}|{day}|{number}".encode()).digest()
    return int.from_bytes(digest[:2], "big")


def shock(symbol: str, day: int) -> int:
    """A nearly normal number (Irwin–Hall: twelve uniform draws), mean 0, standard deviation about 65536."""
    return sum(draw(symbol, day, number) for number in range(12)) - 6 * 65_535


def rows(symbol: str) -> Iterator[str]:
    """The series' lines without their header, oldest first."""
    shape = SHAPES[symbol]
    close = shape.start
    for day in range(DAYS):
        volatility = shape.volatility(day)
        change = shape.drift(day, close) + volatility * shock(symbol, day) // 65_536
        opened, close = close, max(close * (_PPM + change) // _PPM, _UNIT)
        high = max(opened, close) * (_PPM + volatility * draw(symbol, day, 12) // 131_072) // _PPM
        low = min(opened, close) * (_PPM - volatility * draw(symbol, day, 13) // 131_072) // _PPM
        volume = shape.volume * (65_536 + draw(symbol, day, 14)) // 65_536 * (_PPM + 20 * abs(change)) // _PPM
        prices = ",".join(_written(price) for price in (opened, high, low, close))
        yield f"{symbol},{FIRST_DAY + timedelta(days=day)},{prices},{volume},synthetic"


def _written(price: int) -> str:
    return f"{price // _UNIT}.{price % _UNIT // 100:02}"


def text(symbol: str) -> str:
    """The whole file of a series; lines end in a line feed."""
    return "\n".join([HEADER, *rows(symbol)]) + "\n"


def main() -> None:
    """Write every series beside this module."""
    for symbol in SHAPES:
        (Path(__file__).parent / f"{symbol}.csv").write_text(text(symbol), encoding="ascii", newline="\n")


if __name__ == "__main__":
    main()
