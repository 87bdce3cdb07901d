"""Closed hours and their sums as rows, and what an order that moves late does to them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select

from server.adapters.hour_models import closed_hours, hour_orders, hour_turnover
from server.adapters.models import orders
from server.adapters.statements import Statements
from server.domain.hours import Sums, closable, hour_of, start_of
from server.domain.order_status import OrderStatus
from server.domain.orders import Order
from server.domain.statements import Period, Place
from server.domain.trends import Turnover

LONG = 64
"""Rows of an hour, beyond which it is summed up anew."""
_CLOSING = 4022
"""Seed of the advisory locks under which hours are closed."""


class LateOrder:
    """An order that moves after the hour in which it was made: what that changes in the hour's sums.

    Nobody closes the hour while this unit of work lasts, and this one waits for who does; so each change is counted
    once. `hold` comes before the order is written, `moved` after it.
    """

    def __init__(self, connection: Statements, order: Order) -> None:
        self._connection, self._order = connection, order
        self._hour = hour_of(order.created_at)
        self._stood: str | None = None

    async def hold(self) -> None:
        """Wait for whoever closes the hour, and remember where the order stands."""
        if self._connection.dialect.name == "postgresql":  # SQLite has one writer at a time as it is
            lock = func.pg_advisory_xact_lock_shared(func.hashtextextended(str(self._hour), _CLOSING))
            await self._connection.execute(select(lock))
        query = select(orders.c.status).where(orders.c.id == self._order.id)
        self._stood = (await self._connection.execute(query)).scalar()

    async def moved(self, now: OrderStatus) -> None:
        """One less where it stood, one more where it stands now."""
        changes = [(status, by) for status, by in ((self._stood, -1), (now, 1)) if status and self._stood != now]
        if changes:
            rows = [{"hour": self._hour, "status": status, "count": by} for status, by in changes]
            await self._connection.execute(insert(hour_orders), rows)


async def may_close(connection: Statements, hour: int) -> bool:
    """Whether no order of the hour is moving; then none moves until the unit of work ends. It waits for nobody, so that
    nobody who waits for it can wait in a circle."""
    if connection.dialect.name != "postgresql":
        return True
    lock = func.pg_try_advisory_xact_lock(func.hashtextextended(str(hour), _CLOSING))
    return bool((await connection.execute(select(lock))).scalar())


async def closed_sums(connection: Statements, period: Period) -> Mapping[int, Sums]:
    """What the closed hours hold that begin in a period."""
    moment = timedelta(microseconds=1)
    first, last = hour_of(period.start - moment) + 1, hour_of(period.end - moment)
    query = select(closed_hours.c.hour).where(closed_hours.c.hour.between(first, last))
    made: dict[int, dict[OrderStatus, int]] = {hour: {} for hour in (await connection.execute(query)).scalars()}
    moved: dict[int, dict[tuple[str, Place], Turnover]] = {hour: {} for hour in made}
    name = (hour_orders.c.hour, hour_orders.c.status)
    counts = select(*name, func.sum(hour_orders.c.count)).where(hour_orders.c.hour.between(first, last)).group_by(*name)
    for hour, status, count in await connection.execute(counts):
        if hour in made and count:
            made[hour][OrderStatus(status)] = int(count)
    rows = select(hour_turnover).where(hour_turnover.c.hour.between(first, last))
    for hour, kind, network, asset, how_many, amount in await connection.execute(rows):
        if hour in moved:
            moved[hour][kind, Place(network, asset)] = Turnover(int(amount), how_many)
    return {hour: Sums(made[hour], moved[hour]) for hour in made}


async def hours_to_close(connection: Statements, now: datetime, limit: int) -> Sequence[int]:
    """Those that may be closed and are not, the newest first; then closed ones with many rows."""
    may = closable(now)
    query = select(closed_hours.c.hour).where(closed_hours.c.hour.between(may.start, may.stop))
    done = set((await connection.execute(query)).scalars())
    missing = [hour for hour in reversed(may) if hour not in done]
    column = hour_orders.c.hour
    longest = select(column).where(column.in_(query)).group_by(column).having(func.count() > LONG)
    return [*missing, *(await connection.execute(longest)).scalars()][:limit]


async def write_sums(connection: Statements, sums: Mapping[int, Sums]) -> None:
    """In place of what stood there, later changes of these hours' orders included: they are in the new sums."""
    for table in (closed_hours, hour_orders, hour_turnover):
        await connection.execute(delete(table).where(table.c.hour.in_(sums)))
    counts = [
        {"hour": hour, "status": status, "count": count}
        for hour, found in sums.items()
        for status, count in found.orders.items()
    ]
    rows = [
        {"hour": hour, "kind": kind, "network": place.network, "asset": place.asset}
        | {"rows": one.rows, "amount": str(one.amount)}
        for hour, found in sums.items()
        for (kind, place), one in found.turnover.items()
    ]
    for table, written in (
        (closed_hours, [{"hour": hour} for hour in sums]),
        (hour_orders, counts),
        (hour_turnover, rows),
    ):
        if written:
            await connection.execute(insert(table), written)


def whole(hour: int) -> Period:
    """All of an hour."""
    return Period(start_of(hour), start_of(hour + 1))
