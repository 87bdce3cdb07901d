"""The agent's database: each transaction has a connection to itself, whoever asks and however the last one ended."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Connection

from agent import budgets, switch
from agent.store import _MOST_IDLE, Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
THREADS, TURNS = 12, 5


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "agent.db")
    yield opened
    opened.close()


def counted(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SELECT n FROM turns").scalar_one())


def test_many_threads_write_one_after_the_other_and_lose_nothing(store: Store) -> None:
    with store.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE turns (n INTEGER)")
        connection.exec_driver_sql("INSERT INTO turns VALUES (0)")

    def write(_turn: int) -> None:
        with store.begin() as connection:
            connection.exec_driver_sql("UPDATE turns SET n = ?", (counted(connection) + 1,))

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(write, range(THREADS * TURNS)))
    with store.begin() as connection:
        assert counted(connection) == THREADS * TURNS
    assert len(store._idle) <= _MOST_IDLE


def test_what_failed_is_undone_and_its_connection_is_not_used_again(store: Store) -> None:
    used: list[Connection] = []

    def fail() -> None:
        with store.begin() as connection:
            used.append(connection)
            switch.stop(connection, "half done", NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.begin() as connection:
        assert switch.stopped(connection) is None
        assert connection is not used[0]
    assert used[0].closed


def test_transactions_within_each_other_have_connections_of_their_own(store: Store) -> None:
    with store.begin() as first:
        first.exec_driver_sql("COMMIT")
        with store.begin() as second:
            assert second is not first
        first.exec_driver_sql("BEGIN")


def test_a_closed_store_gives_the_file_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "agent.db")
    with store.begin() as connection:
        switch.stop(connection, "", NOW)
    store.close()
    assert [file.path for file in psutil.Process().open_files() if file.path.startswith(str(tmp_path))] == []


def test_budgets_are_counted_from_an_index_without_reading_the_rows(store: Store) -> None:
    statement = budgets._counting((("task", False), ("", True)))
    given = statement._given | {"network": "n", "asset": "a", "since": 0, "value_0": "t"}
    with store.begin() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement._text}", given).all()
    assert any("COVERING INDEX holds_to_count" in row[3] for row in rows)
