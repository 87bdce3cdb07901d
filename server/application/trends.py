"""Trends: what one process shows of orders and money over time, counted again when that is worth its cost."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from server.domain.statements import Place
from server.domain.trends import Figures, Span, Trend, Turnover
from server.ports import Clock, Database

LONGEST = timedelta(minutes=1)
"""No trend is shown longer than this."""


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
        made = await view.tallies.orders(periods)
        moved = await view.tallies.turnover(periods)
    before, *steps = (
        Figures(
            statuses=statuses,
            revenue=_amounts(rows, "settlement"),
            refunded=_amounts(rows, "refund"),
            refunds=sum(one.rows for (kind, _), one in rows.items() if kind == "refund"),
        )
        for statuses, rows in zip(made, moved, strict=True)
    )
    return Trend(span, now, before, steps)


def _amounts(rows: Mapping[tuple[str, Place], Turnover], wanted: str) -> Mapping[Place, int]:
    return {place: one.amount for (kind, place), one in rows.items() if kind == wanted}
