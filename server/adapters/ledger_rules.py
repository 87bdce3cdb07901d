"""The ledger's rules as the database itself keeps them: triggers of SQLite and PostgreSQL, against any program."""

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, PrimaryKeyConstraint, UniqueConstraint, event
from sqlalchemy.exc import IntegrityError

from server.adapters.models import ledger_entries, metadata
from server.adapters.proof_models import receipt_chain
from server.adapters.sums import below_zero

KEYS = (PrimaryKeyConstraint, UniqueConstraint)
MARK = "the books refuse"
"""How the words of every refusal begin."""
KEPT = (ledger_entries.name, receipt_chain.name)
"""Tables whose rows are added and never changed or taken away."""
AGAIN = f"{MARK} a second row of a kind, or for a Transfer"
_CHANGED = f"{MARK} to change or lose a row: add another one"
_AMOUNT = f"{MARK} an amount that is no whole number of atomic units, from 1 to 2^256 - 1"
_REVERSAL = f"{MARK} a reversal that is not of a row, with its accounts, asset, amount and Transfer"
_REFUND = f"{MARK} to send back more than came for the order in that asset"
_LARGEST = 2**256 - 1
_SAME = ("order_id", "kind", "network", "asset", "amount", "transaction", "block", "block_hash", "log_index", "round")
_REVERSED = (
    "EXISTS (SELECT 1 FROM ledger_entries e WHERE NOT e.reversal AND e.debit = NEW.credit AND e.credit = NEW.debit AND "
    + " AND ".join(f'e."{name}" = NEW."{name}"' for name in _SAME)
    + ")"
)
_UNIQUE = [one.columns.keys() for one in ledger_entries.constraints if isinstance(one, KEYS)]
_CLASH = " OR ".join(
    "EXISTS (SELECT 1 FROM ledger_entries e WHERE " + " AND ".join(f'e."{name}" = NEW."{name}"' for name in key) + ")"
    for key in _UNIQUE
)
"""What the unique keys say too; but INSERT OR REPLACE of SQLite deletes the other row, and fires no trigger for it."""
_OF_ORDER = "order_id = NEW.order_id AND network = NEW.network AND asset = NEW.asset"
_FROM_PAYER, _TO_PAYER = (f"SUBSTR({side}, 1, 6) = 'payer:'" for side in ("credit", "debit"))
_PAID = f"CASE WHEN {_FROM_PAYER} THEN 1 ELSE -1 END"
_MOVED = f"FROM ledger_entries WHERE {_OF_ORDER} AND ({_FROM_PAYER} OR {_TO_PAYER})"
_BACK = (
    f"SELECT COALESCE(SUM(CASE WHEN reversal THEN -1 ELSE 1 END), 0) FROM ledger_entries WHERE {_OF_ORDER}"
    f" AND (NOT reversal AND {_TO_PAYER} OR reversal AND {_FROM_PAYER})"
)
_UNDER_WAY = (
    f"EXISTS (SELECT 1 FROM ledger_entries WHERE {_OF_ORDER} AND reversal"
    f" AND debit = NEW.debit AND amount = NEW.amount) AND ({_BACK}) = 0"
)
"""A refund that was sent before a reorganisation took its payment back: it happened, so one such row is taken."""
_REFUNDS = f"NOT NEW.reversal AND {_TO_PAYER.replace('debit', 'NEW.debit')} AND NOT ({_UNDER_WAY})"


def is_second(error: IntegrityError) -> bool:
    """Whether it says that the row is there already."""
    words = str(error.orig)
    return AGAIN in words or "unique" in words.lower()


def refusal(error: IntegrityError) -> str:
    """Its words, if they are ours."""
    found = re.search(rf"{MARK}[^\n]*", str(error.orig))
    return found[0] if found else f"{MARK} it"


def create(connection: Connection) -> None:
    """Put the rules in place, instead of those that are there. Dropping or rebuilding a table loses its rules."""
    for statement in _STATEMENTS[connection.dialect.name]():
        connection.exec_driver_sql(statement)


def drop(connection: Connection) -> None:
    """Take the rules away, for a migration back."""
    on = " ON {table}" if connection.dialect.name == "postgresql" else ""
    for table in KEPT:
        for name in ("kept", "kept_whole", "checked", "deleted"):
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_{name}" + on.format(table=table))


def _sqlite() -> Iterator[str]:
    for table in KEPT:
        for name, what in (("kept", "UPDATE"), ("deleted", "DELETE")):
            yield f"DROP TRIGGER IF EXISTS {table}_{name}"
            yield f"CREATE TRIGGER {table}_{name} BEFORE {what} ON {table} BEGIN {_abort(_CHANGED)}; END"
    digits = "NEW.amount GLOB '[1-9]*' AND NEW.amount NOT GLOB '*[^0-9]*' AND LENGTH(NEW.amount) <= 78"
    fits = f"(LENGTH(NEW.amount) < 78 OR NEW.amount <= '{_LARGEST}')"
    refused = below_zero(f"SELECT {_PAID} AS sign, amount {_MOVED} UNION ALL SELECT -1, NEW.amount")
    checks = [
        _abort(_AMOUNT, f"NOT ({digits} AND {fits})"),
        _abort(AGAIN, _CLASH),
        _abort(_REVERSAL, f"NEW.reversal AND NOT {_REVERSED}"),
        _abort(_REFUND, f"{_REFUNDS} AND EXISTS ({refused})"),
    ]
    yield "DROP TRIGGER IF EXISTS ledger_entries_checked"
    yield f"CREATE TRIGGER ledger_entries_checked BEFORE INSERT ON ledger_entries BEGIN {'; '.join(checks)}; END"


def _abort(words: str, when: str = "1") -> str:
    return f"SELECT RAISE(ABORT, '{words}') WHERE {when}"


def _postgresql() -> Iterator[str]:
    """The order's row is locked: of two refunds at once the second counts the first."""
    yield _function("ledger_kept", _raise(_CHANGED))
    for table in KEPT:
        for name, what, each in (("kept", "UPDATE OR DELETE", "ROW"), ("kept_whole", "TRUNCATE", "STATEMENT")):
            yield _trigger(f"{table}_{name}", f"BEFORE {what} ON {table} FOR EACH {each}", "ledger_kept")
    paid = f"SELECT COALESCE(SUM({_PAID} * amount), 0) {_MOVED}"
    body = f"""
        IF NEW.amount = 'NaN' OR NEW.amount < 1 OR NEW.amount > {_LARGEST} THEN {_raise(_AMOUNT)} END IF;
        PERFORM 1 FROM orders WHERE id = NEW.order_id FOR NO KEY UPDATE;
        IF {_CLASH} THEN {_raise(AGAIN)} END IF;
        IF NEW.reversal THEN
            IF NOT {_REVERSED} THEN {_raise(_REVERSAL)} END IF;
        ELSIF {_REFUNDS} AND ({paid}) < NEW.amount THEN {_raise(_REFUND)}
        END IF;
        RETURN NEW;"""
    yield _function("ledger_checked", body)
    yield _trigger("ledger_entries_checked", "BEFORE INSERT ON ledger_entries FOR EACH ROW", "ledger_checked")


def _function(name: str, body: str) -> str:
    return f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"


def _trigger(name: str, when: str, function: str) -> str:
    return f"CREATE OR REPLACE TRIGGER {name} {when} EXECUTE FUNCTION {function}()"


def _raise(words: str) -> str:
    return f"RAISE EXCEPTION '{words}' USING ERRCODE = 'integrity_constraint_violation';"


_STATEMENTS = {"sqlite": _sqlite, "postgresql": _postgresql}


@event.listens_for(metadata, "after_create")
def _with_tables(_target: Any, connection: Connection, **_more: Any) -> None:
    """A database that is made from the metadata has the same rules as a migrated one."""
    create(connection)
