"""Statements that are compiled once mean what SQLAlchemy means by them, and cost no more as purchases add up."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, select, update

from agent import store as stored
from agent.budgets import Budget, Hold, Level, levels, move, reserve
from agent.budgets import HoldState as Held
from agent.errors import Refused
from agent.models import Proof, State, holds, purchases
from agent.prepared import Prepared, one_of
from agent.store import Store, add_purchase, attempts, change_purchase, unproven
from agent.terms import Asked

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
ASKED = Asked("GET", "http://seller.test/v1/echo?a=1", "", "*/*", b"\x00\xff", "research")
MOST = 2**256 - 1
ENOUGH = (Budget("all", 10**90, "all"),)
ROW: dict[str, Any] = {"state": State.SENT, "rule": "r", "detail": "é", "amount": MOST, "valid_before": NOW}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "agent.db")


def hold(purchase_id: str, amount: int, **changes: Any) -> Hold:
    known = {"network": "n", "asset": "a", "task": "t", "session": "s", "origin": "http://seller.test", "payer": "p"}
    until = NOW + timedelta(minutes=1)
    return Hold(
        **{"purchase_id": purchase_id, "amount": amount, "nonce": "0x", "valid_before": until} | known | changes
    )


def test_what_is_written_one_way_is_read_the_other(store: Store) -> None:
    with store.begin() as connection:
        bought_id = add_purchase(connection, ASKED, NOW, **ROW)
        row = connection.execute(select(purchases).where(purchases.c.id == bought_id)).mappings().one()
        (found,) = attempts(connection, ASKED.fingerprint(), State.SENT)
    assert {name: getattr(found, name) for name in row} == dict(row)
    assert (row["amount"], row["valid_before"], row["body"], row["updated_at"]) == (MOST, NOW, ASKED.body, NOW)


def test_values_of_the_statement_and_of_the_call_are_both_in_it(store: Store) -> None:
    column = purchases.c
    fitting = Prepared(
        select(column.id).where(one_of(column.state, (State.SENT, State.FAILED)), column.task == bindparam("t"))
    )
    moving = Prepared(update(purchases).where(column.id == bindparam("key")).values(amount=7, state=bindparam("to")))
    with store.begin() as connection:
        bought_id = add_purchase(connection, ASKED, NOW, **ROW)
        add_purchase(connection, ASKED, NOW, **ROW | {"state": State.REFUSED})
        assert fitting.rows(connection, t="research") == [{"id": bought_id}]
        assert fitting.row(connection, t="other") is None
        assert moving.run(connection, key=bought_id, to=State.WAITING) == 1
        assert moving.run(connection, key="pur_none", to=State.WAITING) == 0
        assert fitting.rows(connection, t="research") == []
        assert [one.amount for one in attempts(connection, ASKED.fingerprint(), State.WAITING)] == [7]


def test_it_is_part_of_the_transaction_that_it_is_run_in(store: Store) -> None:
    with store.begin() as connection:
        add_purchase(connection, ASKED, NOW, **ROW)
        connection.rollback()
    with store.begin() as connection:
        assert attempts(connection, ASKED.fingerprint(), State.SENT) == []


def test_a_change_is_made_only_from_the_states_that_it_names(store: Store) -> None:
    with store.begin() as connection:
        bought_id = add_purchase(connection, ASKED, NOW, **ROW)
        assert not change_purchase(connection, bought_id, NOW, only_from=(State.WAITING,), state=State.FAILED)
        assert change_purchase(connection, bought_id, NOW, only_from=(State.WAITING, State.SENT), state=State.FAILED)
        assert not change_purchase(connection, bought_id, NOW, only_from=(State.SENT,), state=State.DELIVERED)
        assert change_purchase(connection, bought_id, NOW, detail="whatever its state")


def test_budgets_add_amounts_that_no_integer_of_sqlite_can_hold(store: Store) -> None:
    amounts = [MOST, MOST, 2**64, 3, 3, 3]
    counted = (Budget("all", 10**90, "all"), Budget("task", 10**90, "task", column="task", value="t"))
    with store.begin() as connection:
        for number, amount in enumerate(amounts):
            reserve(connection, hold(str(number), amount, task="t" if number else "u"), counted, NOW)
        reserve(connection, hold("other", 5, asset="b"), counted, NOW)
        assert levels(connection, "n", "a", counted, NOW) == {
            "all": Level(sum(amounts), 10**90),
            "task": Level(sum(amounts[1:]), 10**90),
        }
        assert move(connection, "1", Held.RELEASED)
        assert levels(connection, "n", "a", counted, NOW)["all"].spent == sum(amounts) - MOST
        with pytest.raises(Refused):
            reserve(connection, hold("last", 1), (Budget("all", sum(amounts) - MOST, "all"),), NOW)


def test_a_day_counts_what_was_set_aside_in_it_and_what_may_still_have_moved_in_it(store: Store) -> None:
    daily = (Budget("day", 10**9, "day", daily=True),)
    lately, before = NOW - timedelta(hours=23), NOW - timedelta(hours=25)
    ended, late = {"valid_before": before}, {"valid_before": lately}
    with store.begin() as connection:
        for number, (then, changes) in enumerate([(lately, ended), (before, late), (before, ended), (before, late)]):
            reserve(connection, hold(str(number), 10**number, **changes), ENOUGH, then)
        assert levels(connection, "n", "a", daily, NOW)["day"].spent == 1 + 10 + 1000
        assert move(connection, "3", Held.SETTLED)
        assert levels(connection, "n", "a", daily, NOW)["day"].spent == 1 + 10


def plan(connection: Any, statement: Prepared, **values: Any) -> str:
    found = connection.connection.driver_connection.execute(f"EXPLAIN QUERY PLAN {statement._text}", values)
    return " ".join(row[3] for row in found)


def test_a_false_proof_is_looked_for_among_false_proofs_alone(tmp_path: Path, store: Store) -> None:
    same = {"method": "GET", "url": "", "body": b""}
    index = "purchases_with_a_false_proof"
    with store.begin() as connection:
        assert index in plan(connection, stored._FALSE, **stored._FALSE._given | same)
        add_purchase(connection, ASKED, NOW, **ROW | {"proof": Proof.UNCHECKED})
        assert unproven(connection, ASKED) is None
        bought_id = add_purchase(connection, ASKED, NOW, **ROW | {"proof": Proof.MISMATCH})
        assert unproven(connection, ASKED) == bought_id
    store.close()
    with closing(sqlite3.connect(tmp_path / "agent.db")) as file:
        file.execute(f"DROP INDEX {index}")
    with Store(tmp_path / "agent.db").begin() as connection:
        assert index in plan(connection, stored._FALSE, **stored._FALSE._given | same)
        assert unproven(connection, ASKED) == bought_id


def test_a_row_of_an_older_version_is_read_with_nothing_where_it_kept_nothing(store: Store) -> None:
    with store.begin() as connection:
        known = hold("old", 9)
        row = {name: getattr(known, name) for name in Hold.__dataclass_fields__ if name != "session"}
        connection.execute(insert(holds).values(row | {"state": Held.SETTLED, "created_at": NOW}))
        by_host = (Budget("host", 10, "host", column="host", value="seller.test"), Budget("all", 10, "all"))
        found = levels(connection, "n", "a", by_host, NOW)
    assert [one.spent for one in found.values()] == [0, 9]
