"""Counts and sums by period in the fake database."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.domain.order_status import OrderStatus, status_of
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

    def _moved(self, period: Period) -> Mapping[tuple[str, Place], Turnover]:
        amounts: Counter[tuple[str, Place]] = Counter()
        counts: Counter[tuple[str, Place]] = Counter()
        for row, at in zip(self.tables.entries, self.tables.booked, strict=True):
            if period.start <= at < period.end:
                name, sign = (row.kind, Place(row.network, row.asset)), -1 if row.reversal else 1
                amounts[name] += sign * row.amount
                counts[name] += sign
        return {name: Turnover(amounts[name], counts[name]) for name in amounts}
