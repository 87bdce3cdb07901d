"""Statement: a merchant's opening balance, every row of a period, and what they come to, in bounded memory."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Protocol

from server.application.paddock import Ground
from server.domain.errors import BadArguments, UnknownMerchant
from server.domain.market import Asset, Merchant
from server.domain.statements import Line, Period, Place
from server.ports import Database

PAGE = 500
"""Rows that are in memory at a time."""


class Office(Protocol):
    """What a statement takes: a `Paddock`, or a process that has no keys at all."""

    @property
    def db(self) -> Database:
        """Where the ledger is."""

    @property
    def grounds(self) -> Mapping[str, Ground]:
        """The networks, for the assets' names and decimals."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What was there before the first row, in atomic units."""

    place: Place
    balance: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A row, and the balance of its asset after it."""

    line: Line
    balance: int


@dataclass(slots=True)
class Total:
    """A whole period in one asset, in atomic units: opening + received - returned - fees = closing.

    The marketplace takes no fees. `owed` is what was due back to payers at the end, and is still in the balance.
    """

    place: Place
    opening: int = 0
    received: int = 0
    returned: int = 0
    fees: int = 0
    owed: int = 0

    @property
    def closing(self) -> int:
        return self.opening + self.received - self.returned - self.fees

    def count(self, line: Line) -> None:
        """Add a row; a reversal takes away from where its row had counted."""
        if (line.change > 0) == (line.state != "reversal"):
            self.received += line.change
        else:
            self.returned -= line.change


Record = Opening | Moved | Total


@dataclass
class _Totals:
    places: dict[Place, Total] = field(default_factory=dict)

    def of(self, place: Place) -> Total:
        return self.places.setdefault(place, Total(place))


async def statement(office: Office, merchant: str, period: Period) -> AsyncIterator[Record]:
    """Openings, then rows by time, then a total for each asset. Without the totals it was cut off.

    A period that is over never changes; one that is not may still grow.
    """
    totals = _Totals()
    async with office.db.survey() as view:
        opening = await view.books.brought_forward(merchant, period.start)
    for place, balance in sorted(opening.items()):
        totals.of(place).opening = balance
        yield Opening(place, balance)
    last: Line | None = None
    while True:
        async with office.db.survey() as view:
            lines = await view.books.lines(merchant, period, last, PAGE)
        for last in lines:
            total = totals.of(last.place)
            total.count(last)
            yield Moved(last, total.closing)
        if len(lines) < PAGE:
            break
    async with office.db.survey() as view:
        owed = await view.books.owed(merchant, period.end)
    for place, amount in owed.items():
        totals.of(place).owed = amount
    for _, total in sorted(totals.places.items()):
        yield total


def require_merchant(merchants: Mapping[str, Merchant], merchant: str) -> None:
    """Raises UnknownMerchant."""
    if merchant not in merchants:
        raise UnknownMerchant(f"there is no merchant {merchant[:80]!r}")


def read_period(start: str, end: str) -> Period:
    """Both as ISO 8601: a date is its midnight in UTC, and a time names its zone. Raises BadArguments."""
    return Period(_moment("from", start), _moment("to", end))


def _moment(name: str, text: str) -> datetime:
    how = f"{name} is {text[:40]!r}; write a date like 2026-03-01, or a time with its zone like 2026-03-01T12:00:00Z"
    try:
        if len(text) == len("2026-03-01"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise BadArguments(how)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadArguments(how) from error


def asset_at(grounds: Mapping[str, Ground], place: Place) -> Asset:
    """The asset; of one that was taken out of the settings, address and units."""
    ground = grounds.get(place.network)
    found = ground.market.asset_at(place.asset) if ground else None
    return found or Asset(place.asset, "", "", 0, place.asset)
