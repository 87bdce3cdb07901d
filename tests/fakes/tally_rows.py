"""Counts and sums by period in the fake database."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.domain.hours import Sums, closable, start_of
from server.domain.order_status import OrderStatus, status_of
from server.domain.orders import Order
from server.domain.ranking import FAILED, MOST_VOTES, WHOLE, Record
from server.domain.statements import Period, Place
from server.domain.trends import Turnover
from tests.fakes.tables import Tables


@dataclass(frozen=True)
class FakeTallies:
    """Implements ports.Tallies."""

    tables: Tables

    async def orders(self, periods: Sequence[Period]) -> Sequence[Mapping[OrderStatus, int]]:
        made = [(order.created_at, status_of(order)) for order in self.tables.orders.values()]
        return [Counter(status for at, status in made if one.start <= at < one.end) for one in periods]

    async def turnover(self, periods: Sequence[Period]) -> Sequence[Mapping[tuple[str, Place], Turnover]]:
        return [self._moved(one) for one in periods]

    async def closed(self, period: Period) -> Mapping[int, Sums]:
        """Counted at the moment: so much is the rows' promise."""
        hours = [one for one in self.tables.closed_hours if period.start <= start_of(one) < period.end]
        whole = [Period(start_of(one), start_of(one + 1)) for one in hours]
        made, moved = await self.orders(whole), await self.turnover(whole)
        return {hour: Sums(*one) for hour, one in zip(hours, zip(made, moved, strict=True), strict=True)}

    async def to_close(self, now: datetime, limit: int) -> Sequence[int]:
        return [one for one in reversed(closable(now)) if one not in self.tables.closed_hours][:limit]

    async def close(self, hours: Sequence[int]) -> None:
        self.tables.closed_hours.update(dict.fromkeys(hours))

    def _moved(self, period: Period) -> Mapping[tuple[str, Place], Turnover]:
        amounts: Counter[tuple[str, Place]] = Counter()
        counts: Counter[tuple[str, Place]] = Counter()
        for row, at in zip(self.tables.entries, self.tables.booked, strict=True):
            if period.start <= at < period.end:
                name, sign = (row.kind, Place(row.network, row.asset)), -1 if row.reversal else 1
                amounts[name] += sign * row.amount
                counts[name] += sign
        return {name: Turnover(amounts[name], counts[name]) for name in amounts}

    async def records(self, since: datetime) -> Mapping[str, Record]:
        made: defaultdict[str, defaultdict[str, list[Order]]] = defaultdict(lambda: defaultdict(list))
        for order in self.tables.orders.values():
            if order.created_at >= since and order.authorization.payer != order.terms.pay_to:
                made[order.terms.service][order.authorization.payer].append(order)
        found = {slug: _record(payers) for slug, payers in made.items()}
        return {slug: record for slug, record in found.items() if record.payers}


def _record(payers: Mapping[str, Sequence[Order]]) -> Record:
    counted, times = Counter[str](), list[int]()
    for orders in payers.values():
        good = [one for one in orders if status_of(one) is OrderStatus.DELIVERED]
        for one in good:
            begun = one.paid_at if one.by_transfer else one.created_at
            if one.released_at and begun:
                times.append(int((one.released_at - begun) / timedelta(milliseconds=1) + 0.5))
        ended = len(good) + len([one for one in orders if status_of(one) in FAILED])
        if not ended or not any(one.paid_at for one in orders):
            continue
        votes = min(ended, MOST_VOTES) * WHOLE
        counted.update(calls=len(good), failed=ended - len(good), payers=1, votes=votes)
        counted["good"] += votes * len(good) // ended
    return Record(**counted, p50_ms=sorted(times)[(len(times) - 1) // 2] if times else None)
