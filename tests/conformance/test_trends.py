"""Trends of a real database: the same by closed hours as by counting, and when orders move after their hour."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import event

from server.adapters.database import SqlDatabase
from server.application import close_hours as closing
from server.application.trends import Trends
from server.domain import hours
from server.domain.statements import Period
from server.domain.states import PaymentState
from server.domain.trends import Span
from tests.fakes import samples
from tests.fakes.samples import NOW

DAYS = 16
REACH = timedelta(days=8)
"""So far back hours are closed here: the days before are always counted."""


@dataclass
class Moment:
    """A clock that says what it is told."""

    time: datetime

    def now(self):
        return self.time


@pytest.fixture
def at():
    return Moment(NOW)


@pytest.fixture
async def database(sqlite_url, at, monkeypatch):
    monkeypatch.setattr(hours, "REACH", REACH)
    monkeypatch.setattr(closing, "MOST", 50)
    opened = SqlDatabase(sqlite_url, at)
    yield opened
    await opened.close()


async def shown(database, at, *spans):
    return [await Trends().read(database, at, span) for span in spans or (Span.HOUR, Span.DAY, Span.WEEK, Span.MONTH)]


async def fill(database, at, count):
    """Orders of the last days, most of them paid, some of them refunded two hours later."""
    chance, orders = random.Random(3), []
    at.time = NOW - timedelta(days=DAYS)
    while at.time < NOW and len(orders) < count:
        order = samples.order(created_at=at.time)
        async with database.begin("test") as work:
            await work.orders.add(order)
            if chance.random() < 0.7:
                await work.ledger.add(samples.entry(order, amount=chance.randrange(1, 10**30)))
        orders.append(order)
        at.time += timedelta(seconds=chance.randrange(2 * DAYS * 86_400 // count))
    at.time = NOW
    return orders


async def close(database, at):
    """What the worker does until nothing is left: how many hours it closed."""
    async with database.read() as view:
        left = len(await view.tallies.to_close(at.now(), 5000))
    while await closing.close_hours(SimpleNamespace(db=database, clock=at), "hours") is not None:
        pass
    async with database.read() as view:
        assert await view.tallies.to_close(at.now(), 5000) == []
    return left


async def test_the_same_is_shown_by_closed_hours_as_by_counting_also_when_orders_move_late(database, at):
    orders = await fill(database, at, 200)
    counted = await shown(database, at)
    assert await close(database, at) == REACH // hours.HOUR - 1
    assert await shown(database, at) == counted
    for order in orders[::3]:
        order.pay(PaymentState.EXPIRED)
        async with database.begin("test") as work:
            await work.orders.save(order)
    [week, month] = await shown(database, at, Span.WEEK, Span.MONTH)
    late = [NOW - order.created_at for order in orders[::3]]
    assert week.total.statuses["expired"] == sum(age <= Span.WEEK.length for age in late) > 5
    assert month.total.statuses["expired"] == len(late)
    assert month.total.orders == len(orders)
    assert (month.total.revenue, month.total.refunds) == (counted[3].total.revenue, 0)


async def test_an_order_that_moves_within_its_own_hour_writes_no_sums(database, at):
    written = []
    event.listen(database._writer._writer, "before_cursor_execute", lambda *a: written.append(a[2]))
    order = samples.order(created_at=NOW)
    async with database.begin("test") as work:
        await work.orders.add(order)
        order.pay(PaymentState.EXPIRED)
        await work.orders.save(order)
    assert written
    assert not [one for one in written if "hour" in one]


async def test_closed_hours_are_read_without_an_order_or_a_row_of_the_ledger(database, at):
    await fill(database, at, 20)
    await close(database, at)
    read = []
    event.listen(database._reader._reader, "before_cursor_execute", lambda *a: read.append(a[2]))
    async with database.read() as view:
        assert await view.tallies.closed(Period(NOW - REACH, NOW))
    assert read
    assert not [one for one in read if " orders" in one or "ledger_entries" in one]
