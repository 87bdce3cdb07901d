"""SQLite on the event loop's thread: what waits, for how long, and that the loop goes on meanwhile."""

import asyncio
import contextlib
import sqlite3
import threading

import pytest
from sqlalchemy import text

from server.adapters import sqlite
from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.domain.outages import DatabaseUnavailable
from tests.conformance.rows import add, get
from tests.fakes import samples

MANY = text(
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 300000) "
    "SELECT count(*) FROM numbers"
)


@pytest.fixture
async def db(sqlite_url):
    found = SqlDatabase(sqlite_url, SystemClock())
    yield found
    await found.close()


@pytest.fixture
def elsewhere(sqlite_url):
    """A connection as another process has one."""
    with contextlib.closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        yield connection


async def turns_until(task):
    """How often the loop came round before the task was done."""
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    await task
    return turns


async def test_the_loop_goes_on_while_another_process_holds_the_lock(db, elsewhere):
    order = samples.order()
    elsewhere.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(add(db, order))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not writing.done()
    elsewhere.execute("COMMIT")
    await writing
    assert await get(db, order.id)


async def test_a_lock_that_nobody_lets_go_of_is_a_database_that_is_away(db, elsewhere, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    elsewhere.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable):
        await add(db, samples.order())
    elsewhere.execute("COMMIT")
    order = samples.order()
    await add(db, order)
    assert await get(db, order.id)


async def test_only_a_lock_of_somebody_elses_is_waited_for(sqlite_url):
    with contextlib.closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as driver:
        driver.execute("BEGIN")
        waiting = asyncio.create_task(sqlite._lock(driver))
        await asyncio.sleep(0)  # its first try, after which it would be asleep
        assert waiting.done()
        with pytest.raises(sqlite3.OperationalError, match="within a transaction"):
            await waiting


async def test_a_unit_inside_another_one_is_refused_and_the_next_gets_its_turn(db, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    order = samples.order()
    async with db.begin("outer") as work:
        with pytest.raises(DatabaseUnavailable):
            await add(db, samples.order())
        await work.orders.add(order)
    assert await get(db, order.id)


async def test_the_loop_goes_on_while_a_commit_waits_for_the_disk(db, monkeypatch):
    disk = threading.Event()
    honest = sqlite.commit_now
    monkeypatch.setattr(sqlite, "commit_now", lambda driver: (disk.wait(20), honest(driver)))
    order = samples.order()
    writing = asyncio.create_task(add(db, order))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not writing.done()
    assert await get(db, order.id) is None
    disk.set()
    await writing
    assert await get(db, order.id)


async def test_who_is_cancelled_while_it_commits_waits_for_the_end(db, monkeypatch):
    disk, reached, loop = threading.Event(), asyncio.Event(), asyncio.get_running_loop()
    honest = sqlite.commit_now

    def slowly(driver):
        loop.call_soon_threadsafe(reached.set)
        disk.wait(20)
        honest(driver)

    monkeypatch.setattr(sqlite, "commit_now", slowly)
    order = samples.order()
    writing = asyncio.create_task(add(db, order))
    await reached.wait()
    writing.cancel()
    for _ in range(100):
        await asyncio.sleep(0)
    assert not writing.done()
    disk.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await get(db, order.id)
    await add(db, samples.order())


async def test_the_loop_goes_on_while_a_report_is_read(db):
    async def report():
        async with db.view() as connection:
            assert (await connection.execute(MANY)).scalar_one() == 300_000

    assert await turns_until(asyncio.create_task(report())) > 100


@pytest.mark.parametrize("looked_at", [SqlDatabase.read, SqlDatabase.survey])
async def test_a_view_stays_as_it_was_when_it_was_first_looked_at(db, looked_at):
    order, later = samples.order(), samples.order()
    await add(db, order)
    async with looked_at(db) as view:
        assert await view.orders.get(order.id)
        await add(db, later)
        assert await view.orders.get(later.id) is None
    assert await get(db, later.id)
