"""Hours whose figures are summed once: which they are, and how a period is put together of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from server.domain.order_status import OrderStatus
from server.domain.statements import Period, Place
from server.domain.trends import Turnover

HOUR = timedelta(hours=1)
CALM = HOUR
"""An hour is closed so long after its end: no unit of work lasts longer, and no two clocks of ours differ by more."""
REACH = timedelta(days=61)
"""How far back hours are closed: what the longest span and the one before it need."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sums:
    """An hour's orders by where they stand now, and what rows of the ledger moved that were booked in it."""

    orders: Mapping[OrderStatus, int] = field(default_factory=dict)
    turnover: Mapping[tuple[str, Place], Turnover] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cut:
    """A period, as closed hours within it and the pieces beside them."""

    hours: Sequence[int]
    pieces: Sequence[Period]


def hour_of(at: datetime) -> int:
    """The hour that a moment is in, counted from 1970."""
    return (at - _EPOCH) // HOUR


def start_of(hour: int) -> datetime:
    """Its first moment; the one before belongs to another."""
    return _EPOCH + hour * HOUR


def is_over(hour: int, now: datetime) -> bool:
    """Whether it has ended. What changes of its orders from then on may change sums."""
    return now >= start_of(hour + 1)


def closable(now: datetime) -> range:
    """The hours that may be closed now, of those that anybody asks for."""
    return range(hour_of(now - REACH), hour_of(now - CALM))


def cut(period: Period, closed: Collection[int]) -> Cut:
    """The closed hours that lie within a period, and what is left of it, in as few pieces as there can be."""
    first, last = hour_of(period.start), hour_of(period.end)
    hours = [
        hour
        for hour in range(first, last + 1)
        if hour in closed and period.start <= start_of(hour) and start_of(hour + 1) <= period.end
    ]
    edges = [period.start, *(edge for hour in hours for edge in (start_of(hour), start_of(hour + 1))), period.end]
    pieces = [Period(start, end) for start, end in list(pairwise(edges))[::2] if start < end]
    return Cut(hours, pieces)
