"""A marketplace's past, as rows: copies of a purchase that really happened, spread over the months before."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from scripts.bench.errors import BenchFailed

AT_ONCE = 5_000
"""Orders in one transaction: the server, which is up, writes between them."""
SHORTENED = 50_000
"""After so many orders the log of writes is emptied."""
ID, TRANSACTION = "printf('past%028d', n.i)", "printf('0x%064x', n.i)"
PAYER = "printf('0x%040x', n.i % 5000)"
RANDOM = "randomblob(32)"
DAYS = 60
ORDER: dict[str, str] = {
    "order_id": ID,
    "transaction": TRANSACTION,
    "settlement_tx": TRANSACTION,
    "payer": PAYER,
    "block": "1",
    "settlement_block": "1",
}
"""What is another one in each copy, by the column's name."""
TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "orders": ("id = :order", {"id": ID, "nonce": RANDOM, "digest": RANDOM, "intent": RANDOM}),
    "order_events": ("order_id = :order", {"sequence": "NULL"}),
    "ledger_entries": ("order_id = :order", {"id": "NULL"}),
    "receipts": ("order_id = :order", {}),
    "proofs": ("order_id = :order", {}),
    "outbox": ("subject = :order AND done", {"id": "t.topic || ':' || " + ID, "subject": ID}),
    "settlements": ('"transaction" = :transaction', {"id": "printf('%064x', n.i)", "sent_in": TRANSACTION}),
    "chain_transactions": ("hash = :transaction", {"hash": TRANSACTION, "nonce": "-n.i",
                                                   "mined_hash": TRANSACTION}),
    "chain_attempts": ('"transaction" = :transaction', {"hash": TRANSACTION}),
}  # fmt: skip
"""Each table's rows of the purchase, and what is another one in their copies. Answers are kept for a day only."""
_TEMPLATE = (
    "SELECT o.id, o.settlement_tx FROM orders o JOIN chain_transactions c ON c.hash = o.settlement_tx "
    "JOIN ledger_entries l ON l.order_id = o.id JOIN proofs p ON p.order_id = o.id "
    "WHERE o.fulfilment = 'released' AND o.final_at IS NOT NULL AND c.block IS NOT NULL LIMIT 1"
)
TIMES = ("_at", "_until", "_before", "due")
"""How the names of columns end that hold a time."""


def fill(database: Path, count: int) -> None:
    """Add so many delivered orders of the past. Raises BenchFailed unless there is one to copy, and all are there."""
    with closing(sqlite3.connect(database, timeout=60, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        before, model = orders(connection), template(connection)
        for first in range(1, count + 1, AT_ONCE):
            last = min(first + AT_ONCE - 1, count)
            given = model | {"first": first, "last": last}
            connection.execute("BEGIN IMMEDIATE")
            for statement in copies(connection):
                connection.execute(statement, given)
            connection.execute("COMMIT")
            if not last % SHORTENED:
                shorten(connection)
        # The chain knows none of them: they count as rows that were compared with it long ago.
        connection.execute("INSERT OR REPLACE INTO row_cursors SELECT network, max(id) FROM ledger_entries")
        # Hours that were summed up without them are summed up again.
        for table in ("closed_hours", "hour_orders", "hour_turnover"):
            connection.execute(f"DELETE FROM {table}")
        connection.execute("ANALYZE")
        shorten(connection)
        if (found := orders(connection) - before) < count:
            raise BenchFailed(f"{found} orders of the past are there, where {count} were written")


def shorten(connection: sqlite3.Connection) -> None:
    """Empty the log of writes: while others read it only grows, and each page is looked for in all of it."""
    busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise BenchFailed("the database's log could not be emptied: somebody reads for longer than a minute")


def orders(connection: sqlite3.Connection) -> int:
    """How many are delivered."""
    (found,) = connection.execute("SELECT count(*) FROM orders WHERE fulfilment = 'released'").fetchone()
    return int(found)


def is_over(database: Path) -> bool:
    """Whether there is an order to copy with which nothing is left to do."""
    with closing(sqlite3.connect(database, timeout=60)) as connection:
        return bool(connection.execute(_TEMPLATE).fetchone())


def template(connection: sqlite3.Connection) -> dict[str, str | int]:
    """A delivered order, final and proven, that was settled alone, in a chain transaction of its own."""
    found = connection.execute(_TEMPLATE).fetchone()
    if found is None:
        raise BenchFailed("nothing was bought yet that could be copied")
    return {"order": found[0], "transaction": found[1]}


def copies(connection: sqlite3.Connection) -> Iterator[str]:
    """One statement for each table."""
    for table, (which, own) in TABLES.items():
        names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        values = ", ".join((ORDER | own).get(name) or shifted(name) for name in names)
        columns = ", ".join(f'"{name}"' for name in names)
        yield (
            "WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last) "
            f"INSERT INTO {table} ({columns}) SELECT {values} FROM n CROSS JOIN (SELECT * FROM {table} WHERE {which}) t"
        )


def shifted(name: str) -> str:
    """A column as it was; a time one to DAYS days earlier."""
    minutes = f"printf('-%d minutes', 1500 + n.i * 7919 % {DAYS * 1440})"
    return f"strftime('%Y-%m-%d %H:%M:%f000', t.\"{name}\", {minutes})" if name.endswith(TIMES) else f't."{name}"'
