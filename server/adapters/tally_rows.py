"""Counts of orders, by period and by service, and sums of the ledger, made in SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    String,
    Subquery,
    case,
    cast,
    extract,
    func,
    literal,
    literal_column,
    select,
    true,
    union_all,
)

from server.adapters.hour_rows import closed_sums, hours_to_close, may_close, whole, write_sums
from server.adapters.models import Utc, ledger_entries, orders
from server.adapters.statements import Statements
from server.adapters.sums import DIGITS, GROUPS, group, together
from server.domain.hours import Sums
from server.domain.order_status import OrderStatus
from server.domain.ranking import FAILED, MOST_VOTES, WHOLE, Record
from server.domain.statements import Period, Place
from server.domain.trends import Turnover

_FAILED = [one.value for one in FAILED]
_ROW = ledger_entries.c
_SIGN = case((_ROW.reversal, -1), else_=1)


class TallyRows:
    """Implements ports.Tallies."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def orders(self, periods: Sequence[Period]) -> Sequence[Mapping[OrderStatus, int]]:
        if not periods:
            return []
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
        if not periods:
            return []
        span = _periods(periods)
        within = (_ROW.booked_at >= span.c.start) & (_ROW.booked_at < span.c.end)
        name = (span.c.number, _ROW.kind, _ROW.network, _ROW.asset)
        query = select(*name, func.sum(_SIGN), *map(_sum, range(GROUPS))).select_from(span.join(ledger_entries, within))
        found: list[dict[tuple[str, Place], Turnover]] = [{} for _ in periods]
        rows = await self._connection.execute(query.group_by(*name))
        for number, kind, network, asset, how_many, *sums in rows:
            found[number][kind, Place(network, asset)] = Turnover(together(sums), how_many)
        return found

    async def records(self, since: datetime) -> Mapping[str, Record]:
        rows = await self._connection.execute(_middle_times(since, self._connection))
        times = {row.service: int(row.ms) for row in rows}
        return {
            slug: Record(int(calls), int(failed), payers, int(votes), int(good), times.get(slug))
            for slug, calls, failed, payers, votes, good in await self._connection.execute(_votes(since))
        }

    async def closed(self, period: Period) -> Mapping[int, Sums]:
        return await closed_sums(self._connection, period)

    async def to_close(self, now: datetime, limit: int) -> Sequence[int]:
        return await hours_to_close(self._connection, now, limit)

    async def close(self, hours: Sequence[int]) -> None:
        still = [hour for hour in hours if await may_close(self._connection, hour)]
        periods = [whole(hour) for hour in still]
        sums = map(Sums, await self.orders(periods), await self.turnover(periods))
        await write_sums(self._connection, dict(zip(still, sums, strict=True)))


def _votes(since: datetime) -> Select[Any]:
    """For each service: calls, failed, payers, votes, good."""
    row = orders.c
    delivered, failed = _count(row.status == OrderStatus.DELIVERED.value), _count(row.status.in_(_FAILED))
    paid = _count(row.paid_at.is_not(None))
    each = (
        select(row.service, delivered.label("delivered"), failed.label("failed"))
        .where(*_counted(since))
        .group_by(row.service, row.payer)
        .having(paid > 0, delivered + failed > 0)
        .subquery("each")
    )
    ended = each.c.delivered + each.c.failed
    votes = case((ended > MOST_VOTES, MOST_VOTES), else_=ended) * WHOLE
    sums = (func.sum(each.c.delivered), func.sum(each.c.failed), func.count(), func.sum(votes))
    # The quotient is cut and not rounded: thousandths divided by a number of calls are whole ones.
    return select(each.c.service, *sums, func.sum(cast(votes * each.c.delivered, BigInteger) // ended)).group_by(
        each.c.service
    )


def _counted(since: datetime) -> tuple[ColumnElement[bool], ...]:
    """In time, and not paid by who is paid."""
    return orders.c.created_at >= since, orders.c.payer != orders.c.pay_to


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


def _middle_times(since: datetime, connection: Statements) -> Select[Any]:
    """For each service the lower median of milliseconds to the answer."""
    row = orders.c
    begun = case((row.scheme == "transfer", row.paid_at), else_=row.created_at)
    if connection.dialect.name == "sqlite":
        took = (func.julianday(row.released_at) - func.julianday(begun)) * 86_400_000
    else:
        took = extract("epoch", row.released_at - begun) * 1000
    ms = cast(func.round(took), BigInteger)
    timed = (
        select(
            row.service,
            ms.label("ms"),
            func.row_number().over(partition_by=row.service, order_by=ms).label("place"),
            func.count().over(partition_by=row.service).label("many"),
        )
        .where(row.status == OrderStatus.DELIVERED.value, row.released_at.is_not(None), *_counted(since))
        .subquery("timed")
    )
    return select(timed.c.service, timed.c.ms).where(timed.c.place == (timed.c.many + 1) // 2)


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
