"""What a marketplace did in a stretch of time that ends now: its figures, step by step, and those of the one before."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from server.domain.errors import BadArguments
from server.domain.order_status import OrderStatus
from server.domain.statements import Period, Place


class Span(StrEnum):
    """How far back one looks."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def length(self) -> timedelta:
        """All of it."""
        return _LENGTHS[self]

    @property
    def step(self) -> timedelta:
        """One point of its line."""
        return _LENGTHS[self] // _STEPS[self]

    def periods(self, now: datetime) -> list[Period]:
        """As long a stretch one span ago, as one; then this one's steps, the last of which ends now.

        Steps begin at full hours, or full steps where those are shorter: then they are made of closed hours. So the
        last one may be cut short, and the whole with it.
        """
        start = now + (_EPOCH - now) % min(self.step, timedelta(hours=1)) - self.length
        edges = [*(start + self.step * index for index in range(_STEPS[self])), now]
        return [Period(start - self.length, now - self.length), *(Period(*one) for one in pairwise(edges))]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LENGTHS = {
    Span.HOUR: timedelta(hours=1),
    Span.DAY: timedelta(hours=24),
    Span.WEEK: timedelta(days=7),
    Span.MONTH: timedelta(days=30),
}
_STEPS = {Span.HOUR: 12, Span.DAY: 24, Span.WEEK: 28, Span.MONTH: 30}
_ENDED = (
    OrderStatus.DELIVERED,
    OrderStatus.FAILED,
    OrderStatus.REFUNDING,
    OrderStatus.REFUNDED,
    OrderStatus.BLOCKED,
)


def read_span(text: str) -> Span:
    """Raises BadArguments."""
    try:
        return Span(text)
    except ValueError:
        raise BadArguments(f"range: {text[:40]!r} is none; it is one of {', '.join(Span)}") from None


@dataclass(frozen=True, slots=True)
class Turnover:
    """Ledger rows of a kind in a period, less those that took one back: atomic units, and how many."""

    amount: int
    rows: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What happened in a period; money in atomic units.

    `statuses` counts the orders that were made in it by where they stand now. `revenue` is all that came in for orders,
    refunded or not; `refunded` is what went back, by `refunds` Transfers. Both are of the ledger, at the time of its
    rows: what a reorganisation took back counts where it was taken back.
    """

    statuses: Mapping[OrderStatus, int] = field(default_factory=dict)
    revenue: Mapping[Place, int] = field(default_factory=dict)
    refunded: Mapping[Place, int] = field(default_factory=dict)
    refunds: int = 0

    @property
    def orders(self) -> int:
        """All that were made."""
        return sum(self.statuses.values())

    @property
    def delivered(self) -> int:
        """Those that were delivered and not refunded."""
        return self.statuses.get(OrderStatus.DELIVERED, 0)

    @property
    def success(self) -> int | None:
        """Of a thousand that came to an end, how many were delivered; None where none did.

        Those that nobody paid for in time, or that were cancelled, came to no end that says anything.
        """
        ended = sum(self.statuses.get(one, 0) for one in _ENDED)
        return self.delivered * 1000 // ended if ended else None


@dataclass(frozen=True, slots=True)
class Trend:
    """Figures of a span that ended at `at`, step by step, and of the span before."""

    span: Span
    at: datetime
    before: Figures
    steps: Sequence[Figures]

    @property
    def total(self) -> Figures:
        """Of all steps."""
        statuses: Counter[OrderStatus] = Counter()
        for one in self.steps:
            statuses.update(one.statuses)
        refunds = sum(one.refunds for one in self.steps)
        return Figures(statuses, _sum(s.revenue for s in self.steps), _sum(s.refunded for s in self.steps), refunds)


def _sum(parts: Iterable[Mapping[Place, int]]) -> Mapping[Place, int]:
    found: dict[Place, int] = {}
    for part in parts:
        for place, amount in part.items():
            found[place] = found.get(place, 0) + amount
    return found
