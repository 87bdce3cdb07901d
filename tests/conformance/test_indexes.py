"""What each purchase asks is found by an index, whatever has happened before: nothing reads a whole table."""

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


async def plan(database, statement, parameters):
    """How SQLite finds what a statement asks for."""
    async with database.view() as connection:
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return "\n".join(row[-1] for row in rows)
