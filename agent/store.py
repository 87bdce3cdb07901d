"""The agent's own database: one SQLite file, and the rows of purchases in it."""

import os
import secrets
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    create_engine,
    event,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.pool import NullPool

from agent.errors import SettingsError, UnknownPurchase
from agent.models import FALSE_PROOF, Proof, Purchase, State, holds, purchases
from agent.prepared import Prepared, one_of
from agent.tables import metadata
from agent.terms import Asked

OPEN = (State.WAITING, State.RESERVED, State.SENT, State.IN_DOUBT)
_ADD = Prepared(insert(purchases))
_BY_ID = Prepared(select(purchases).where(purchases.c.id == bindparam("id")))
_FALSE = Prepared(
    select(purchases.c.id)
    .where(*(purchases.c[name] == bindparam(name) for name in ("method", "url", "body")))
    .where(text(FALSE_PROOF))
    .limit(1)
)
_MOST_IDLE = 5
_NOTHING = dict.fromkeys(purchases.columns.keys())


class Store:
    """Every transaction is BEGIN IMMEDIATE: what it reads stays true until it commits, in all processes.

    A commit that returned survives a power cut (WAL with synchronous=FULL). `close()` gives the file back.
    """

    def __init__(self, path: Path) -> None:
        _private(path)
        self._engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30}, poolclass=NullPool)
        self._idle: list[Connection] = []
        self.close = weakref.finalize(self, _close, self._idle)
        event.listen(self._engine, "connect", _prepare)
        event.listen(self._engine, "begin", _begin)
        with self.begin() as connection:
            metadata.create_all(connection)
            _complete(connection)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back if anything is raised.

        Each has a connection to itself, which the next one takes over: SQLAlchemy's own pool costs more than a read.
        """
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._engine.connect()
        try:
            with connection.begin():
                yield connection
        except BaseException:
            connection.close()
            raise
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(connection)
        else:
            connection.close()


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
    _ADD.run(connection, **_NOTHING | row | values)
    return purchase_id


def change_purchase(
    connection: Connection, purchase_id: str, now: datetime, *, only_from: tuple[State, ...] = (), **values: Any
) -> bool:
    """Change a purchase; with `only_from`, only if it is in one of those states. Returns whether it was changed."""
    values["updated_at"] = now
    changing = _changing(only_from, tuple(values))
    return changing.run(connection, key=purchase_id, **{f"new_{name}": value for name, value in values.items()}) == 1


@lru_cache(maxsize=128)
def _changing(only_from: tuple[State, ...], names: tuple[str, ...]) -> Prepared:
    statement = update(purchases).where(purchases.c.id == bindparam("key"))
    if only_from:
        statement = statement.where(one_of(purchases.c.state, only_from))
    return Prepared(statement.values({name: bindparam(f"new_{name}") for name in names}))


def purchase(connection: Connection, purchase_id: str) -> Purchase:
    """The purchase with that id. Raises UnknownPurchase."""
    row = _BY_ID.row(connection, id=purchase_id)
    if row is None:
        raise UnknownPurchase(f"there is no purchase {purchase_id}", "list them with: paddock-agent report")
    return _purchase(row)


def attempts(connection: Connection, fingerprint: str, *states: State) -> list[Purchase]:
    """Purchases of this very request in these states, newest first."""
    return [_purchase(row) for row in _attempts(states).rows(connection, fingerprint=fingerprint)]


@lru_cache(maxsize=32)
def _attempts(states: tuple[State, ...]) -> Prepared:
    same = (purchases.c.fingerprint == bindparam("fingerprint"), one_of(purchases.c.state, states))
    return Prepared(select(purchases).where(*same).order_by(purchases.c.created_at.desc()))


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
    found = _FALSE.row(connection, method=asked.method, url=asked.url, body=asked.body)
    return None if found is None else str(found["id"])


def refunded_by(connection: Connection, transaction: str) -> set[str]:
    """Purchases that a refund transaction was counted for."""
    found = select(purchases.c.id).where(purchases.c.refund == transaction, purchases.c.state == State.REFUNDED)
    return set(connection.execute(found).scalars())


def asked_in(bought: Purchase) -> Asked:
    """The request of a stored purchase."""
    return Asked(bought.method, bought.url, bought.content_type, bought.accept, bought.body, bought.task)


def _purchase(row: Mapping[Any, Any]) -> Purchase:
    values = {name: row[name] for name in _NOTHING}
    values["state"], values["proof"] = State(values["state"]), Proof(values["proof"])
    return Purchase(**values)


def _close(connections: list[Connection]) -> None:
    """Close these, and forget them."""
    while connections:
        connections.pop().close()


def _private(path: Path) -> None:
    """Signed payments lie in this file: it is for its owner only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written ({type(error).__name__})", "set PADDOCK_AGENT_HOME to a folder that can be"
        ) from error


def _complete(connection: Connection) -> None:
    """What a newer version has, in a file that an older one wrote: columns, all of which may be null, and indexes."""
    for table in (purchases, holds):
        known = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:
                kind = column.type.compile(connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}")
        for index in table.indexes:
            index.create(connection, checkfirst=True)


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Any) -> None:
    connection.connection.driver_connection.execute("BEGIN IMMEDIATE")
