"""Trends: what one process shows of orders and money over time, counted again when that is worth its cost."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from server.domain.hours import Sums, cut
from server.domain.order_status import OrderStatus
from server.domain.statements import Period, Place
from server.domain.trends import Figures, Span, Trend
from server.ports import Clock, Database, Tallies

LONGEST = timedelta(minutes=1)
"""No trend is shown longer than this."""
AT_ONCE = 200
"""Pieces of periods that one query counts; SQLite takes 500."""


@dataclass(frozen=True, slots=True)
class _Kept:
    trend: Trend
    until: datetime


@dataclass
class Trends:
    """What was counted last, by span. It is shown `patience` times as long as it took to count: of a small marketplace
    for a blink, and of a large one at most a twentieth of the time is spent counting."""

    patience: int = 20
    kept: dict[Span, _Kept] = field(default_factory=dict)
    counting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self, db: Database, clock: Clock, span: Span) -> Trend:
        """Its `at` says of when it is."""
        async with self.counting:  # one count for all who wait for it
            kept = self.kept.get(span)
            if kept is None or not kept.trend.at <= clock.now() < kept.until:
                trend = await _count(db, clock, span)
                took = clock.now() - trend.at
                kept = self.kept[span] = _Kept(trend, clock.now() + min(self.patience * took, LONGEST))
            return kept.trend


async def _count(db: Database, clock: Clock, span: Span) -> Trend:
    now = clock.now()
    periods = span.periods(now)
    async with db.survey() as view:
        sums = await view.tallies.closed(Period(periods[0].start, now))
        cuts = [cut(one, sums) for one in periods]
        counted = await _counted(view.tallies, [piece for one in cuts for piece in one.pieces])
    before, *steps = (
        _figures([*(sums[hour] for hour in one.hours), *(next(counted) for _ in one.pieces)]) for one in cuts
    )
    return Trend(span, now, before, steps)


async def _counted(tallies: Tallies, pieces: Sequence[Period]) -> Iterator[Sums]:
    """What is in each piece, by counting it."""
    found: list[Sums] = []
    for start in range(0, len(pieces), AT_ONCE):
        some = pieces[start : start + AT_ONCE]
        made, moved = await tallies.orders(some), await tallies.turnover(some)
        found += [Sums(*one) for one in zip(made, moved, strict=True)]
    return iter(found)


def _figures(parts: Sequence[Sums]) -> Figures:
    """Of a period, from its parts."""
    statuses: Counter[OrderStatus] = Counter()
    amounts: dict[str, Counter[Place]] = {"settlement": Counter(), "refund": Counter()}
    refunds = 0
    for part in parts:
        statuses.update(part.orders)
        for (kind, place), one in part.turnover.items():
            if kind in amounts:
                amounts[kind][place] += one.amount
            refunds += one.rows if kind == "refund" else 0
    return Figures(statuses, amounts["settlement"], amounts["refund"], refunds)
