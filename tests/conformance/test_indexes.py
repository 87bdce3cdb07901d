"""What each purchase asks is found by an index, whatever has happened before: nothing reads a whole table."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import event

from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from tests.conformance.rows import add
from tests.fakes import samples

NETWORK, KEY, HASH = "eip155:31337", "0x" + "11" * 20, "0x" + "22" * 32
ASKED = {
    "a Transfer that is booked": (lambda view: view.ledger.booked(NETWORK, HASH, 0), {"block_hash=?"}),
    "a buyer key": (lambda view: view.buyer_keys.find(b"k" * 32), {"secret=?"}),
    "transactions above a block": (lambda view: view.transactions.above(NETWORK, KEY, 5, 5), {"block>?", "nonce>?"}),
}


@pytest.mark.parametrize("name", ASKED)
async def test_it_is_found_by_an_index(sqlite_url, name):
    ask, by = ASKED[name]
    database, asked = SqlDatabase(sqlite_url, SystemClock()), []
    try:
        await add(database, samples.order())
        event.listen(database._reader._reader, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
        async with database.read() as view:
            await ask(view)
        plans = [await plan(database, *one) for one in asked if one[0] != "BEGIN"]
    finally:
        await database.close()
    assert len(plans) == 1
    assert "SCAN" not in plans[0]
    assert [one for one in by if one not in plans[0]] == []


FEW = {
    "unfinished orders": lambda view: view.orders.unfinished(SystemClock().now(), 5),
    "orders that wait": lambda view: view.orders.waiting(),
    "orders that are stuck": lambda view: view.suspects.stuck(SystemClock().now(), 5),
    "orders that were denied": lambda view: view.suspects.denied(5),
    "orders that were paid twice": lambda view: view.suspects.repeated(SystemClock().now(), timedelta(minutes=5), 5),
    "money that is owed": lambda view: view.orders.owed(),
    "transactions that are in no block": lambda view: view.transactions.unmined(NETWORK, KEY),
}
PAST = 2_000


@pytest.mark.parametrize("analysed", [True, False])
@pytest.mark.parametrize("name", FEW)
async def test_few_are_found_among_many_without_a_look_at_each(sqlite_url, name, analysed):
    """SQLite that was told to ANALYZE knows how many values a column has, and not how rare one is."""
    path, asked = sqlite_url.removeprefix("sqlite:///"), []
    database = SqlDatabase(sqlite_url, SystemClock())
    try:
        await add(database, samples.order())
        await many_delivered(path, analysed)
        event.listen(database._reader._reader, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
        async with database.read() as view:
            await FEW[name](view)
    finally:
        await database.close()
    assert sum(steps(path, *one) for one in asked if one[0] != "BEGIN") < PAST


def steps(path, statement, parameters):
    """How many instructions of its virtual machine SQLite takes: for each row that it looks at a few."""
    taken = []
    with closing(sqlite3.connect(path)) as connection:
        connection.set_progress_handler(lambda: taken.append(1) and None, 1)
        connection.execute(statement, parameters).fetchall()
    return len(taken)


async def many_delivered(path, analysed):
    """PAST copies of the one order that is there, delivered; with statistics of them, where analysed."""
    own = {"id": "printf('o%d', n.i)", "nonce": "randomblob(32)", "intent": "randomblob(32)",
           "payment": "'settled'", "fulfilment": "'released'", "status": "'delivered'"}  # fmt: skip
    with closing(sqlite3.connect(path)) as connection, connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(orders)")]
        values = ", ".join(own.get(name, f't."{name}"') for name in names)
        columns = ", ".join(f'"{name}"' for name in names)
        connection.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {PAST}) "
            f"INSERT INTO orders ({columns}) SELECT {values} FROM n CROSS JOIN (SELECT * FROM orders) t"
        )
        if analysed:
            connection.execute("ANALYZE")


async def plan(database, statement, parameters):
    """How SQLite finds what a statement asks for."""
    async with database.view() as connection:
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return "\n".join(row[-1] for row in rows)
