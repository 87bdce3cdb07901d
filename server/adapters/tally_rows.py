"""Counts of orders and sums of the ledger by period, made in SQL."""

from collections.abc import Mapping, Sequence

from sqlalchemy import (
    ColumnElement,
    Integer,
    String,
    Subquery,
    case,
    func,
    literal,
    literal_column,
    select,
    true,
    union_all,
)

from server.adapters.models import Utc, ledger_entries, orders
from server.adapters.statements import Statements
from server.adapters.sums import DIGITS, GROUPS, group, together
from server.domain.order_status import OrderStatus
from server.domain.statements import Period, Place
from server.domain.trends import Turnover

_ROW = ledger_entries.c
_SIGN = case((_ROW.reversal, -1), else_=1)


class TallyRows:
    """Implements ports.Tallies."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def orders(self, periods: Sequence[Period]) -> Sequence[Mapping[OrderStatus, int]]:
        span = _periods(periods)
        each = union_all(*(select(literal(one.value, String).label("status")) for one in OrderStatus)).subquery("each")
        within = (orders.c.created_at >= span.c.start, orders.c.created_at < span.c.end)
        # A count for each pair reads one stretch of the index by status and time, and no row.
        count = select(func.count()).where(orders.c.status == each.c.status, *within).correlate(span, each)
        query = select(span.c.number, each.c.status, count.scalar_subquery()).select_from(span.join(each, true()))
        found: list[dict[OrderStatus, int]] = [{} for _ in periods]
        for number, status, how_many in await self._connection.execute(query):
            if how_many:
                found[number][OrderStatus(status)] = how_many
        return found

    async def turnover(self, periods: Sequence[Period]) -> Sequence[Mapping[tuple[str, Place], Turnover]]:
        span = _periods(periods)
        within = (_ROW.booked_at >= span.c.start) & (_ROW.booked_at < span.c.end)
        name = (span.c.number, _ROW.kind, _ROW.network, _ROW.asset)
        query = select(*name, func.sum(_SIGN), *map(_sum, range(GROUPS))).select_from(span.join(ledger_entries, within))
        found: list[dict[tuple[str, Place], Turnover]] = [{} for _ in periods]
        rows = await self._connection.execute(query.group_by(*name))
        for number, kind, network, asset, how_many, *sums in rows:
            found[number][kind, Place(network, asset)] = Turnover(together(sums), how_many)
        return found


def _sum(index: int) -> ColumnElement[int]:
    """One group of digits, added up. Most amounts have one group or two: the others are not cut out of them."""
    text = "CAST(ledger_entries.amount AS TEXT)"
    few = literal_column("CAST(ledger_entries.amount AS BIGINT)", Integer) if index == 0 else literal(0, Integer)
    short = func.length(literal_column(text)) <= DIGITS * max(index, 1)
    return func.sum(_SIGN * case((short, few), else_=literal_column(group("ledger_entries.amount", index), Integer)))


def _periods(periods: Sequence[Period]) -> Subquery:
    rows = [
        select(
            literal(number, Integer).label("number"),
            literal(one.start, Utc).label("start"),
            literal(one.end, Utc).label("end"),
        )
        for number, one in enumerate(periods)
    ]
    return union_all(*rows).subquery("span")
