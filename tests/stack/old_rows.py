"""Rows as the first revision of the database had them, made of rows of today by SQL."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from server.adapters.database import async_url
from server.adapters.models import metadata
from tests.stack.processes import ROOT

Rows = list[dict[str, Any]]
FIRST = "0001"
TOPICS = ("execute", "refund", "follow", "prove", "resolve", "reconcile")
"""Jobs that there were at the first revision."""
COUNTERS = {"order_events": "sequence", "ledger_entries": "id", "case_events": "sequence"}
"""Columns that PostgreSQL counts up."""
PARENTS = ("merchants", "orders")
"""Tables that others refer to: filled first."""


def configuration(url: str) -> Config:
    """Alembic's, for a database."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "server" / "migrations"))
    config.attributes["url"] = url
    return config


def to_revision(url: str, revision: str = FIRST) -> None:
    """Bring a database to a revision."""
    with ThreadPoolExecutor(1) as apart:  # Alembic's environment runs an event loop of its own
        apart.submit(command.upgrade, configuration(url), revision).result()


def back_to(url: str, revision: str) -> None:
    """The other way."""
    with ThreadPoolExecutor(1) as apart:
        apart.submit(command.downgrade, configuration(url), revision).result()


async def rows_of(url: str) -> dict[str, Rows]:
    """Every row of every table of today's form."""
    engine = create_async_engine(async_url(url))
    try:
        async with engine.connect() as connection:
            found = {}
            for table in metadata.sorted_tables:
                query = sa.select(table).order_by(*table.primary_key.columns)
                found[table.name] = [dict(row) for row in (await connection.execute(query)).mappings()]
            return found
    finally:
        await engine.dispose()


async def write(url: str, rows: Mapping[str, Rows]) -> None:
    """Insert rows into the tables that are there, in the columns that they have; counters go on after them."""
    engine = create_async_engine(async_url(url))
    try:
        async with engine.begin() as connection:
            there = await connection.run_sync(_columns)
            for name in sorted(there.keys() & rows.keys(), key=lambda name: (name not in PARENTS, name)):
                await _insert(connection, name, there[name], rows[name])
    finally:
        await engine.dispose()


def as_of_old(rows: Mapping[str, Rows]) -> dict[str, Rows]:
    """The same facts as the first revision's code wrote them down."""
    raw = {row["transaction"]: row["raw"] for row in rows["chain_attempts"]}
    old = dict(rows)
    old["chain_transactions"] = [row | {"raw": raw[row["hash"]]} for row in rows["chain_transactions"]]
    old["settlements"] = [row | {"transaction": row["transaction"] or row["sent_in"]} for row in rows["settlements"]]
    proven = {row["order_id"] for row in rows["proofs"]}
    jobs = [row for row in rows["outbox"] if row["topic"] in TOPICS]
    followed = [row for row in jobs if row["topic"] == "follow" and row["subject"] in proven]
    old["outbox"] = jobs + [row | {"id": f"prove:{row['subject']}", "topic": "prove"} for row in followed]
    return old


def _columns(connection: sa.Connection) -> dict[str, list[str]]:
    found = sa.inspect(connection)
    names = set(found.get_table_names()) - {"alembic_version"}
    return {name: [column["name"] for column in found.get_columns(name)] for name in names}


async def _insert(connection: AsyncConnection, name: str, columns: Sequence[str], rows: Rows) -> None:
    types = {column.name: column.type for column in metadata.tables[name].columns} | {"raw": sa.LargeBinary()}
    table = sa.table(name, *(sa.column(column, types[column]) for column in columns))
    for row in rows:
        await connection.execute(sa.insert(table).values({column: row[column] for column in columns}))
    counter = COUNTERS.get(name)
    if counter and connection.dialect.name == "postgresql":
        last = sa.text(f"SELECT setval(pg_get_serial_sequence('{name}', '{counter}'), max({counter})) FROM {name}")
        await connection.execute(last)
