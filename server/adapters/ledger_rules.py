"""The ledger's rules as the database itself keeps them: triggers of SQLite and PostgreSQL, against any program."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, PrimaryKeyConstraint, UniqueConstraint, event

from server.adapters import triggers
from server.adapters.models import ledger_entries, metadata
from server.adapters.proof_models import receipt_chain
from server.adapters.sums import below_zero
from server.adapters.triggers import AGAIN, AMOUNT, MARK, NO_AMOUNT, abort, refuse

KEYS = (PrimaryKeyConstraint, UniqueConstraint)
KEPT = (ledger_entries.name, receipt_chain.name)
"""Tables whose rows are added and never changed or taken away."""
_REVERSAL = f"{MARK} a reversal that is not of a row, with its accounts, asset, amount and Transfer"
_REFUND = f"{MARK} to send back more than came for the order in that asset"
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


def create(connection: Connection) -> None:
    """Put the rules in place, instead of those that are there. Dropping or rebuilding a table loses its rules."""
    dialect = connection.dialect.name
    for statement in (*(one for table in KEPT for one in triggers.kept(dialect, table)), *_STATEMENTS[dialect]()):
        connection.exec_driver_sql(statement)


def drop(connection: Connection) -> None:
    """Take the rules away, for a migration back."""
    for table in KEPT:
        triggers.drop(connection, table)


def _sqlite() -> Iterator[str]:
    refused = below_zero(f"SELECT {_PAID} AS sign, amount {_MOVED} UNION ALL SELECT -1, NEW.amount")
    checks = [
        abort(AMOUNT, NO_AMOUNT["sqlite"]),
        abort(AGAIN, _CLASH),
        abort(_REVERSAL, f"NEW.reversal AND NOT {_REVERSED}"),
        abort(_REFUND, f"{_REFUNDS} AND EXISTS ({refused})"),
    ]
    yield from triggers.on_sqlite("ledger_entries_checked", "BEFORE INSERT ON ledger_entries", checks)


def _postgresql() -> Iterator[str]:
    """The order's row is locked: of two refunds at once the second counts the first."""
    paid = f"SELECT COALESCE(SUM({_PAID} * amount), 0) {_MOVED}"
    body = f"""
        IF {NO_AMOUNT["postgresql"]} THEN {refuse(AMOUNT)} END IF;
        PERFORM 1 FROM orders WHERE id = NEW.order_id FOR NO KEY UPDATE;
        IF {_CLASH} THEN {refuse(AGAIN)} END IF;
        IF NEW.reversal THEN
            IF NOT {_REVERSED} THEN {refuse(_REVERSAL)} END IF;
        ELSIF {_REFUNDS} AND ({paid}) < NEW.amount THEN {refuse(_REFUND)}
        END IF;
        RETURN NEW;"""
    yield triggers.function("ledger_checked", body)
    when = "BEFORE INSERT ON ledger_entries FOR EACH ROW"
    yield triggers.on_postgresql("ledger_entries_checked", when, "ledger_checked")


_STATEMENTS = {"sqlite": _sqlite, "postgresql": _postgresql}


@event.listens_for(metadata, "after_create")
def _with_tables(_target: Any, connection: Connection, **_more: Any) -> None:
    """A database that is made from the metadata has the same rules as a migrated one."""
    create(connection)
