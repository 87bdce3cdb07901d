"""Alembic's environment: runs the migrations on the database that the settings name."""

import asyncio
import os
from typing import Any

from alembic import context
from sqlalchemy import Connection, event, pool
from sqlalchemy.ext.asyncio import create_async_engine

from server.adapters.database import async_url
from server.adapters.models import Atomic, Utc, metadata


def render(kind: str, item: Any, _context: Any) -> Any:
    """Our own column types by their short names; the script template imports them."""
    return type(item).__name__ if kind == "type" and isinstance(item, Atomic | Utc) else False


def migrate(connection: Connection) -> None:
    """All outstanding migrations in one transaction, of which nothing stays if one of them fails."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_item=render,
        compare_type=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def begin_by_hand(connection: Any, _record: object) -> None:
    """Leave it to us when a transaction begins."""
    connection.isolation_level = None


async def connect_and_migrate() -> None:
    """Over the same drivers as the server's."""
    url = context.config.attributes.get("url") or os.environ["PADDOCK_DATABASE_URL"]
    engine = create_async_engine(async_url(url), poolclass=pool.NullPool)
    if engine.dialect.name == "sqlite":  # its driver would commit before a table is changed
        event.listen(engine.sync_engine, "connect", begin_by_hand)
        event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
            await connection.commit()
    finally:
        await engine.dispose()


asyncio.run(connect_and_migrate())
