"""What the database itself keeps of merchants' fees, against any program."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, event

from server.adapters import triggers
from server.adapters.fee_models import fee_entries
from server.adapters.models import metadata
from server.adapters.triggers import AGAIN, AMOUNT, MARK, NO_AMOUNT, abort, refuse

_RETURNED = f"{MARK} to return a fee that was not taken, with its accounts and amount"
_SAME = 'e.merchant = NEW.merchant AND e.order_id = NEW.order_id AND e."amount" = NEW."amount"'
_TAKEN = (
    f"EXISTS (SELECT 1 FROM fee_entries e WHERE e.kind = 'fee' AND {_SAME}"
    " AND e.debit = NEW.credit AND e.credit = NEW.debit)"
)
_UNTAKEN = f"NEW.kind = 'returned' AND NOT {_TAKEN}"
_CLASH = "EXISTS (SELECT 1 FROM fee_entries e WHERE e.id = NEW.id OR e.order_id = NEW.order_id AND e.kind = NEW.kind)"
"""What the keys say too; but INSERT OR REPLACE of SQLite deletes the other row, and fires no trigger for it."""
_CHECKS = ((AGAIN, _CLASH), (_RETURNED, _UNTAKEN))


def create(connection: Connection) -> None:
    """Put the rules in place, instead of those that are there. Dropping or rebuilding the table loses them."""
    for statement in _statements(connection.dialect.name):
        connection.exec_driver_sql(statement)


def drop(connection: Connection) -> None:
    """Take the rules away, for a migration back."""
    triggers.drop(connection, fee_entries.name)


def _statements(dialect: str) -> Iterator[str]:
    yield from triggers.kept(dialect, fee_entries.name)
    when, checks = "BEFORE INSERT ON fee_entries", ((AMOUNT, NO_AMOUNT[dialect]), *_CHECKS)
    if dialect == "sqlite":
        yield from triggers.on_sqlite("fee_entries_checked", when, [abort(words, bad) for words, bad in checks])
        return
    body = " ".join(f"IF {bad} THEN {refuse(words)} END IF;" for words, bad in checks)
    yield triggers.function("fees_checked", f"{body} RETURN NEW;")
    yield triggers.on_postgresql("fee_entries_checked", f"{when} FOR EACH ROW", "fees_checked")


@event.listens_for(metadata, "after_create")
def _with_tables(_target: Any, connection: Connection, **_more: Any) -> None:
    """A database that is made from the metadata has the same rules as a migrated one."""
    create(connection)
