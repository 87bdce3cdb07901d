"""The bundled daily series: synthetic demonstration data, see `data/README.md`."""

import csv
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

Symbol = Annotated[
    Literal["DEMO-TREND", "DEMO-RANGE", "DEMO-STORM", "DEMO-CYCLE"],
    Meta(description="A bundled daily series; DEMO- names synthetic ones."),
]
DAYS_A_YEAR = 365
"""The series have every calendar day."""
ORIGIN = "synthetic demonstration series, made by server/services/data/generate.py; no market was ever quoted so"


class Day(Struct, frozen=True):
    """One day's close, in hundredths."""

    date: date
    close: int


@cache
def csv_bytes(symbol: str) -> bytes:
    """The whole file of a symbol."""
    return (files("server.services.data") / f"{symbol}.csv").read_bytes()


class Record(Struct, frozen=True):
    """One day as the file has it: prices with two decimals, as text."""

    date: date
    open: str
    high: str
    low: str
    close: str
    volume: int


@cache
def records(symbol: str) -> tuple[Record, ...]:
    """Every day of a symbol, oldest first, one a calendar day."""
    rows = csv.DictReader(csv_bytes(symbol).decode("ascii").splitlines())
    return tuple(msgspec.convert(row, Record, strict=False) for row in rows)


@cache
def daily(symbol: str) -> tuple[Day, ...]:
    """The closes of a symbol, oldest first, one a calendar day."""
    return tuple(Day(one.date, hundredths(one.close)) for one in records(symbol))


def hundredths(price: str) -> int:
    """A price of a record as an integer."""
    return int(price.replace(".", ""))
