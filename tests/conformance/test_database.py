"""What ports.Database guarantees of units of work and of values, on the fake, SQLite and PostgreSQL."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import text
from sqlalchemy.exc import InvalidRequestError

from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.domain.deliveries import Delivery
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from tests.conformance.rows import add, get
from tests.fakes import samples
from tests.fakes.samples import NETWORK, NOW

LARGEST = 2**256 - 1
LATER = NOW + timedelta(seconds=15)


# -------------------------------------------------------------------------------------------------------- units of work


async def test_a_unit_that_raises_leaves_nothing(database):
    order, transaction = samples.order(), samples.chain_transaction()

    async def everything():
        async with database.begin("all or nothing") as work:
            await work.orders.add(order)
            await work.deliveries.put(Delivery(order.id, b"answer", "text/plain", NOW))
            await work.ledger.add(samples.entry(order))
            await work.proofs.put(order.id, b"{}", NOW)
            await work.outbox.add("execute", order.id, NOW)
            await work.settlements.add(samples.settlement(id="s"))
            assert await work.transactions.allot(NETWORK, transaction.sender, 5) == 5
            await work.transactions.add(transaction)
            raise LookupError

    with pytest.raises(LookupError):
        await everything()
    async with database.begin("look") as work:
        assert await work.orders.get(order.id) is None
        assert await work.orders.last_event() == 0
        assert await work.deliveries.get(order.id) is None
        assert list(await work.ledger.of(order.id)) == []
        assert await work.proofs.get(order.id) is None
        assert await work.outbox.waiting() == 0
        assert await work.settlements.get("s") is None
        assert await work.transactions.get(transaction.hash) is None
        assert await work.transactions.allot(NETWORK, transaction.sender, 0) == 0


async def test_a_cancelled_unit_leaves_nothing(database):
    order, begun = samples.order(), asyncio.Event()

    async def work_for_ever():
        async with database.begin("held up") as work:
            await work.orders.add(order)
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work_for_ever())
    await begun.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert await get(database, order.id) is None
    await add(database, order)


async def test_a_reader_sees_nothing_of_an_open_unit(database):
    order = samples.order()
    async with database.begin("claim") as work:
        await work.orders.add(order)
        assert await get(database, order.id) is None
    assert await get(database, order.id) is not None


async def test_what_is_written_while_reading_is_not_kept(database):
    order = samples.order()
    with suppress(InvalidRequestError):  # PostgreSQL's readers are refused it
        async with database.read() as view:
            await view.orders.add(order)
    assert await get(database, order.id) is None


# ------------------------------------------------------------------------------------------------------- values survive


@pytest.mark.parametrize("amount", [1, 10**6, 2**63, 2**128, 10**77, LARGEST - 1, LARGEST])
async def test_w10_amounts_of_256_bits_come_back_exactly(database, amount):
    order = await add(database, samples.order(amount=amount))
    async with database.begin("settled") as work:
        await work.ledger.add(samples.entry(order, amount=amount))
    async with database.read() as view:
        assert (await view.orders.get(order.id)).terms.amount == amount
        (row,) = await view.ledger.of(order.id)
    assert row.amount == amount
    assert type(row.amount) is int


async def test_moments_come_back_aware_in_utc_to_the_microsecond(database):
    elsewhere = timezone(timedelta(hours=5, minutes=30))
    moment = datetime(2026, 3, 1, 17, 30, 0, 123456, tzinfo=elsewhere)
    order = samples.order(created_at=moment, quoted_at=moment, valid_before=moment, lease_until=moment)
    stored = await get(database, (await add(database, order)).id)
    for read in (stored.created_at, stored.terms.quoted_at, stored.authorization.valid_before, stored.lease_until):
        assert read == moment
        assert read.utcoffset() == timedelta(0)


async def test_the_end_of_the_calendar_can_be_stored(database):
    for_ever = datetime(9999, 12, 31, tzinfo=UTC)
    order = await add(database, samples.order(valid_before=for_ever))
    assert (await get(database, order.id)).authorization.valid_before == for_ever


async def test_an_order_comes_back_as_it_was_saved(database):
    order = await add(database, samples.order(payload=bytes(range(256)), resource_url="http://127.0.0.1/ü?q=%00"))
    order.pay(PaymentState.SETTLING)
    order.pay(PaymentState.SETTLED)
    order.fulfil(FulfilmentState.EXECUTING)
    order.fulfil(FulfilmentState.FAILED)
    order.give_back(MoneyBackState.DUE)
    order.lease(LATER)
    order.settlement_tx, order.settlement_block, order.callback_tx, order.refund_tx = "0x1", 2**31 - 1, "0x3", "0x4"
    order.paid_at = order.released_at = order.final_at = NOW
    order.failure = "sold out — ünïcode"
    async with database.begin("step") as work:
        await work.orders.save(order)
    assert await get(database, order.id) == order


# --------------------------------------------------------------------------------------------------------------- SQLite


@pytest.mark.parametrize(
    ("setting", "expected"), [("synchronous", 2), ("journal_mode", "wal"), ("foreign_keys", 1)], ids=str
)
async def test_w1_what_sqlite_has_committed_is_on_the_disk_for_readers_and_writers(sqlite_url, setting, expected):
    """FULL is 2: a commit is not acknowledged before the log is flushed, so that a power cut takes back no payment."""
    database = SqlDatabase(sqlite_url, SystemClock())
    try:
        for opened in (database.view, database.change):
            async with opened() as connection:
                assert (await connection.execute(text(f"PRAGMA {setting}"))).scalar() == expected
    finally:
        await database.close()
