"""The agent's own database: one SQLite file, and the rows of purchases in it."""

import os
import secrets
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, create_engine, event, insert, inspect, select, update

from agent.errors import SettingsError, UnknownPurchase
from agent.models import Proof, Purchase, State, holds, purchases
from agent.tables import metadata
from agent.terms import Asked

OPEN = (State.WAITING, State.RESERVED, State.SENT, State.IN_DOUBT)


class Store:
    """Every transaction is BEGIN IMMEDIATE: what it reads stays true until it commits, in all processes.

    A commit that returned survives a power cut (WAL with synchronous=FULL). `close()` gives the file back.
    """

    def __init__(self, path: Path) -> None:
        _private(path)
        self._engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})
        self.close = weakref.finalize(self, self._engine.dispose)
        event.listen(self._engine, "connect", _prepare)
        event.listen(self._engine, "begin", _begin)
        with self.begin() as connection:
            metadata.create_all(connection)
            _add_columns(connection)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back if anything is raised."""
        with self._engine.begin() as connection:
            yield connection


def new_id(kind: str) -> str:
    """A fresh id such as pur_5f2c…"""
    return f"{kind}_{secrets.token_hex(8)}"


def add_purchase(connection: Connection, asked: Asked, now: datetime, **values: Any) -> str:
    """Write a new purchase of this request; returns its id."""
    purchase_id = new_id("pur")
    row = {
        "id": purchase_id,
        "task": asked.task,
        "origin": asked.origin,
        "method": asked.method,
        "url": asked.url,
        "content_type": asked.content_type,
        "accept": asked.accept,
        "body": asked.body,
        "fingerprint": asked.fingerprint(),
        "removed": asked.removed or None,
        "proof": Proof.NONE,
        "created_at": now,
        "updated_at": now,
    }
    connection.execute(insert(purchases).values(row | values))
    return purchase_id


def change_purchase(
    connection: Connection, purchase_id: str, now: datetime, *, only_from: tuple[State, ...] = (), **values: Any
) -> bool:
    """Change a purchase; with `only_from`, only if it is in one of those states. Returns whether it was changed."""
    statement = update(purchases).where(purchases.c.id == purchase_id)
    if only_from:
        statement = statement.where(purchases.c.state.in_(only_from))
    return connection.execute(statement.values(updated_at=now, **values)).rowcount == 1


def purchase(connection: Connection, purchase_id: str) -> Purchase:
    """The purchase with that id. Raises UnknownPurchase."""
    row = connection.execute(select(purchases).where(purchases.c.id == purchase_id)).one_or_none()
    if row is None:
        raise UnknownPurchase(f"there is no purchase {purchase_id}", "list them with: paddock-agent report")
    return _purchase(row._mapping)


def attempts(connection: Connection, fingerprint: str, *states: State) -> list[Purchase]:
    """Purchases of this very request in these states, newest first."""
    found = select(purchases).where(purchases.c.fingerprint == fingerprint, purchases.c.state.in_(states))
    rows = connection.execute(found.order_by(purchases.c.created_at.desc())).mappings()
    return [_purchase(row) for row in rows]


def purchases_in(connection: Connection, *states: State) -> list[Purchase]:
    """Purchases in these states, oldest first."""
    found = select(purchases).where(purchases.c.state.in_(states))
    return [_purchase(row) for row in connection.execute(found.order_by(purchases.c.created_at)).mappings()]


def newest(connection: Connection, most: int, *fitting: ColumnElement[bool]) -> list[Purchase]:
    """The last purchases, newest first."""
    found = select(purchases).where(*fitting).order_by(purchases.c.created_at.desc(), purchases.c.id).limit(most)
    return [_purchase(row) for row in connection.execute(found).mappings()]


def signed_purchases(connection: Connection) -> list[tuple[Purchase, str, datetime]]:
    """Everything that was signed, in that order: the purchase, its session, and when its money was set aside."""
    found = select(purchases, holds.c.session.label("held_in"), holds.c.created_at.label("held_at"))
    signed = (purchases.c.entry.is_not(None), purchases.c.payment.is_not(None))
    found = found.join(holds, holds.c.purchase_id == purchases.c.id).where(*signed)
    rows = connection.execute(found.order_by(holds.c.created_at, purchases.c.id)).mappings()
    return [(_purchase(row), row["held_in"] or "", row["held_at"]) for row in rows]


def unproven(connection: Connection, asked: Asked) -> str | None:
    """A purchase of the same thing, for whatever task, whose proof turned out false; None where there is none."""
    same = (purchases.c.method == asked.method, purchases.c.url == asked.url, purchases.c.body == asked.body)
    found = select(purchases.c.id).where(*same, purchases.c.proof == Proof.MISMATCH).limit(1)
    return connection.execute(found).scalar_one_or_none()


def refunded_by(connection: Connection, transaction: str) -> set[str]:
    """Purchases that a refund transaction was counted for."""
    found = select(purchases.c.id).where(purchases.c.refund == transaction, purchases.c.state == State.REFUNDED)
    return set(connection.execute(found).scalars())


def asked_in(bought: Purchase) -> Asked:
    """The request of a stored purchase."""
    return Asked(bought.method, bought.url, bought.content_type, bought.accept, bought.body, bought.task)


def _purchase(row: RowMapping) -> Purchase:
    values = {column.name: row[column] for column in purchases.columns}
    return Purchase(**values | {"state": State(values["state"]), "proof": Proof(values["proof"])})


def _private(path: Path) -> None:
    """Signed payments lie in this file: it is for its owner only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written ({type(error).__name__})", "set PADDOCK_AGENT_HOME to a folder that can be"
        ) from error


def _add_columns(connection: Connection) -> None:
    """What a newer version keeps, in a file that an older one wrote; all of it may be null."""
    for table in (purchases, holds):
        known = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:
                kind = column.type.compile(connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}")


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
