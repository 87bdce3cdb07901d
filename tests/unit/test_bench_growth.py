"""P10's past is made of copies of one purchase, each an order of its own, and its services are on sale."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from scripts.bench import grown, past
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import NO_MARKET, Side
from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from tests.stack.databases import migrate


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "paddock.db"
    migrate(f"sqlite:///{path}")
    return path


def bought(path):
    """Rows of one delivered purchase, as far as the tables ask for them."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, (_, _) in past.TABLES.items():
            columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
            values = {name: 1 if kind in ("INTEGER", "BOOLEAN", "BIGINT") else "1" for _, name, kind, *_ in columns}
            values |= {name: "2026-01-02 03:04:05.678000" for _, name, kind, *_ in columns if kind == "DATETIME"}
            known = {"order_id": "one", "settlement_tx": "0x01", "transaction": "0x01", "subject": "one", "done": 1,
                     "fulfilment": "released", "reversal": 0, "credit": "merchant:a", "debit": "outside"}  # fmt: skip
            values |= {name: value for name, value in known.items() if name in values}
            values |= {"orders": {"id": "one"}, "chain_transactions": {"hash": "0x01"},
                       "chain_attempts": {"hash": "0x01"}}.get(table, {})  # fmt: skip
            names = ", ".join(f'"{name}"' for name in values)
            holes = ", ".join("?" * len(values))
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({holes})", tuple(values.values()))


def rows(path, query):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def test_every_past_order_has_the_rows_of_the_one_that_was_copied(database, monkeypatch):
    bought(database)
    monkeypatch.setattr(past, "AT_ONCE", 3)
    past.fill(database, 7)
    for table in past.TABLES:
        assert rows(database, f"SELECT count(*) FROM {table}") == [(8,)], table
    assert rows(database, "SELECT count(DISTINCT nonce), count(DISTINCT settlement_tx) FROM orders") == [(8, 8)]
    joined = "FROM orders o JOIN ledger_entries l ON l.order_id = o.id JOIN receipts r ON r.order_id = o.id"
    same = "l.\"transaction\" = o.settlement_tx AND o.id LIKE 'past%'"
    assert rows(database, f"SELECT count(*) {joined} WHERE {same}") == [(7,)]
    assert rows(database, "SELECT count(*) FROM orders WHERE created_at < '2026-01-01 02:04:05'") == [(7,)]
    assert rows(database, 'SELECT "row" FROM row_cursors') == rows(database, "SELECT max(id) FROM ledger_entries")


def test_the_log_of_writes_is_empty_after_the_past_was_written_beside_a_server(database):
    bought(database)
    with closing(sqlite3.connect(database)) as server:
        server.execute("SELECT count(*) FROM orders").fetchone()
        past.fill(database, 7)
        assert database.with_name("paddock.db-wal").stat().st_size == 0


def test_a_log_that_somebody_reads_is_an_error_and_not_measured(database):
    bought(database)
    with closing(sqlite3.connect(database)) as server, closing(sqlite3.connect(database, timeout=0)) as writer:
        server.execute("BEGIN")
        server.execute("SELECT count(*) FROM orders").fetchone()
        writer.execute("UPDATE orders SET service = 'moved'")
        writer.commit()
        with pytest.raises(BenchFailed, match="could not be emptied"):
            past.shorten(writer)


@pytest.mark.parametrize("still_to_do", ["UPDATE orders SET final_at = NULL", "DELETE FROM proofs"])
def test_a_purchase_with_which_something_is_left_to_do_is_not_copied(database, still_to_do):
    bought(database)
    assert past.is_over(database)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(still_to_do)
    assert not past.is_over(database)
    with pytest.raises(BenchFailed, match="nothing was bought yet"):
        past.fill(database, 1)


def test_a_marketplace_without_a_purchase_has_no_past_to_copy(database):
    with pytest.raises(BenchFailed, match="nothing was bought yet"):
        past.fill(database, 1)


async def test_services_that_are_listed_are_on_sale(database, monkeypatch):
    side = Side("paddock", "many", 1, (), NO_MARKET, quotes=True, receipts=True)
    monkeypatch.setattr(grown, "AT_ONCE", 700)
    await grown.list_upstreams(replace(side, database=database), 2000)
    kept = SqlDatabase(f"sqlite:///{database}", SystemClock())
    async with kept.read() as view:
        listed = await view.upstreams.all()
    await kept.close()
    assert (len(listed), {one.state.value for one in listed}) == (2000, {"listed"})
