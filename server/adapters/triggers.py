"""Rules that a database keeps by triggers, of SQLite and PostgreSQL, against any program."""

import re
from collections.abc import Iterator

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

MARK = "the books refuse"
"""How the words of every refusal begin."""
AGAIN = f"{MARK} a second row of a kind, or for a Transfer"
AMOUNT = f"{MARK} an amount that is no whole number of atomic units, from 1 to 2^256 - 1"
_CHANGED = f"{MARK} to change or lose a row: add another one"
_LARGEST = 2**256 - 1
_WHOLE = "NEW.amount GLOB '[1-9]*' AND NEW.amount NOT GLOB '*[^0-9]*' AND LENGTH(NEW.amount) <= 78"
_FITS = f"(LENGTH(NEW.amount) < 78 OR NEW.amount <= '{_LARGEST}')"
NO_AMOUNT = {
    "sqlite": f"NOT ({_WHOLE} AND {_FITS})",
    "postgresql": f"NEW.amount = 'NaN' OR NEW.amount < 1 OR NEW.amount > {_LARGEST}",
}
"""What is true of a new row whose amount is none, by dialect: SQLite holds amounts as decimal text."""


def is_second(error: IntegrityError) -> bool:
    """Whether it says that the row is there already."""
    words = str(error.orig)
    return AGAIN in words or "unique" in words.lower()


def refusal(error: IntegrityError) -> str:
    """Its words, if they are ours."""
    found = re.search(rf"{MARK}[^\n]*", str(error.orig))
    return found[0] if found else f"{MARK} it"


def kept(dialect: str, table: str) -> Iterator[str]:
    """Statements after which a table's rows are added and never changed or taken away."""
    if dialect == "sqlite":
        for name, what in (("kept", "UPDATE"), ("deleted", "DELETE")):
            yield from on_sqlite(f"{table}_{name}", f"BEFORE {what} ON {table}", [abort(_CHANGED)])
        return
    yield function("ledger_kept", refuse(_CHANGED))
    for name, what, each in (("kept", "UPDATE OR DELETE", "ROW"), ("kept_whole", "TRUNCATE", "STATEMENT")):
        yield on_postgresql(f"{table}_{name}", f"BEFORE {what} ON {table} FOR EACH {each}", "ledger_kept")


def drop(connection: Connection, table: str) -> None:
    """Take a table's rules away, for a migration back."""
    on = f" ON {table}" if connection.dialect.name == "postgresql" else ""
    for name in ("kept", "kept_whole", "checked", "deleted"):
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {table}_{name}{on}")


def on_sqlite(name: str, when: str, statements: list[str]) -> Iterator[str]:
    yield f"DROP TRIGGER IF EXISTS {name}"
    yield f"CREATE TRIGGER {name} {when} BEGIN {'; '.join(statements)}; END"


def abort(words: str, when: str = "1") -> str:
    """For SQLite: the statement is refused in these words where `when` is true."""
    return f"SELECT RAISE(ABORT, '{words}') WHERE {when}"


def on_postgresql(name: str, when: str, function: str) -> str:
    return f"CREATE OR REPLACE TRIGGER {name} {when} EXECUTE FUNCTION {function}()"


def function(name: str, body: str) -> str:
    """A trigger's function of PostgreSQL."""
    return f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"


def refuse(words: str) -> str:
    """For PostgreSQL: the statement is refused in these words."""
    return f"RAISE EXCEPTION '{words}' USING ERRCODE = 'integrity_constraint_violation';"
