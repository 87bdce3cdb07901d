"""What limits are counted by, on the fake, SQLite and PostgreSQL: orders in flight, failed settlements, switches."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, text

from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.domain.errors import DuplicateClaim
from server.domain.settlements import SettlementState
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.domain.switches import Switch
from tests.conformance.rows import race
from tests.fakes import samples
from tests.fakes.samples import NOW

N = 50
PAYER, OTHER = samples.order().authorization.payer, "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955"
P, F, M = PaymentState, FulfilmentState, MoneyBackState
LEASED = NOW + timedelta(seconds=45)


async def add(database, order):
    async with database.begin("claim") as work:
        await work.orders.add(order)


async def in_flight(database, payer=PAYER, now=NOW):
    async with database.read() as view:
        return await view.orders.in_flight(payer, now)


@pytest.mark.parametrize(
    ("payment", "fulfilment", "counts"),
    [
        (P.AUTHORIZED, F.RUNNING, True),
        (P.AUTHORIZED, F.FAILED, False),
        (P.SETTLING, F.NONE, True),
        (P.SETTLING, F.READY, True),
        (P.IN_DOUBT, F.READY, True),
        (P.SETTLED, F.EXECUTING, True),
        (P.SETTLED, F.RELEASED, False),
        (P.SETTLED, F.FAILED, False),
        (P.FAILED, F.NONE, False),
        (P.EXPIRED, F.RUNNING, False),
        (P.CANCELLED, F.NONE, False),
    ],
)
async def test_s27_an_order_is_in_flight_while_work_or_money_is_on_its_way(database, payment, fulfilment, counts):
    order = samples.order(lease_until=LEASED)
    order.payment, order.fulfilment = payment, fulfilment
    await add(database, order)
    assert await in_flight(database) == int(counts)
    assert await in_flight(database, OTHER) == 0


async def test_s27_a_claim_whose_owner_died_before_any_money_moved_holds_no_place(database):
    order = samples.order(lease_until=LEASED)
    order.fulfilment = FulfilmentState.RUNNING
    await add(database, order)
    assert await in_flight(database, now=LEASED - timedelta(seconds=1)) == 1
    assert await in_flight(database, now=LEASED) == 0


async def test_s27_of_fifty_claims_at_once_exactly_as_many_as_there_are_places_succeed(database):
    """Counted in the unit of work that claims: nobody slips through between another one's count and its commit."""

    async def claim():
        order = samples.order(lease_until=LEASED)
        order.fulfilment = FulfilmentState.RUNNING
        async with database.begin("claim") as work:
            await work.orders.add(order)
            if await work.orders.in_flight(PAYER, NOW) > 5:
                raise DuplicateClaim("there is no place left")

    outcomes = await race(*(claim() for _ in range(N)))
    assert sorted(outcomes) == ["DuplicateClaim"] * (N - 5) + ["won"] * 5
    assert await in_flight(database) == 5


async def test_s27_counting_looks_at_no_order_that_has_ended(sqlite_url):
    """Also where the database's statistics say that one payer has all orders: a scan would grow with the past."""
    db, asked = SqlDatabase(sqlite_url, SystemClock()), []
    event.listen(db._reader._reader, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
    async with db.begin("claim") as work:
        for _ in range(200):
            done = samples.order()
            done.payment, done.fulfilment = P.SETTLED, F.RELEASED
            await work.orders.add(done)
    async with db.change() as connection:
        await connection.execute(text("ANALYZE"))
    assert await in_flight(db) == 0
    statement, values = asked[-1]
    async with db.view() as connection:
        plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)).all()
    assert ["ix_orders_in_flight" in step.detail for step in plan] == [True], plan
    await db.close()


# ------------------------------------------------------------------------------------------------- failed settlements


async def fail(database, settlement):
    settlement.move(SettlementState.FAILED, None, "insufficient_funds")
    async with database.begin("settlement refused") as work:
        await work.settlements.save(settlement)


async def failures(database, since, payer=PAYER):
    async with database.read() as view:
        return await view.settlements.failures_of(payer, since)


async def test_f8_every_failure_of_a_payers_settlements_is_counted_also_the_second_of_the_same_payment(
    database,
):
    one, two, fine = (samples.settlement() for _ in range(3))
    payer = one.payment.transfer.payer
    async with database.begin("settlement admitted") as work:
        for settlement in (one, two, fine):
            await work.settlements.add(settlement)
    fine.move(SettlementState.SETTLED, "0x" + "aa" * 32)
    async with database.begin("settlement recorded") as work:
        await work.settlements.save(fine)
    long_ago = NOW - timedelta(days=10_000)
    assert await failures(database, long_ago, payer) == 0
    await fail(database, one)
    await fail(database, two)
    one.move(SettlementState.QUEUED)
    async with database.begin("settlement queued again") as work:
        await work.settlements.save(one)
    assert await failures(database, long_ago, payer) == 2
    await fail(database, one)
    assert await failures(database, long_ago, payer) == 3
    assert await failures(database, long_ago, OTHER) == 0
    assert await failures(database, NOW + timedelta(days=10_000), payer) == 0


# ----------------------------------------------------------------------------------------------------------- switches


async def test_a_switch_stands_as_it_was_turned_last(database):
    async with database.read() as view:
        assert await view.switches.get("settlement paused") is None
    first = Switch("settlement paused", True, "the key leaked", NOW, "console")
    for turned in (first, replace(first, on=False, reason="", at=NOW + timedelta(minutes=1), by="command line")):
        async with database.begin("switched") as work:
            await work.switches.put(turned)
        async with database.read() as view:
            assert await view.switches.get("settlement paused") == turned
            assert await view.switches.get("another") is None


async def test_turned_by_many_at_once_for_the_first_time_it_stands_as_one_of_them_said(database):
    async def turn(n):
        async with database.begin("switched") as work:
            await work.switches.put(Switch("settlement paused", True, str(n), NOW, "console"))

    assert await race(*(turn(n) for n in range(10))) == ["won"] * 10
    async with database.read() as view:
        assert (await view.switches.get("settlement paused")).reason in map(str, range(10))


async def test_a_switch_turned_in_a_unit_of_work_that_fails_was_not_turned(database):
    with suppress(DuplicateClaim):
        async with database.begin("switched") as work:
            await work.switches.put(Switch("settlement paused", True, "", NOW, "console"))
            raise DuplicateClaim("something else went wrong")
    async with database.read() as view:
        assert await view.switches.get("settlement paused") is None
