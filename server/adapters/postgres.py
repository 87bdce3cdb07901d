"""PostgreSQL's connections. What a statement costs there is mostly the way to it and back, so nothing is asked but what
is wanted: no question first whether the connection still stands, and no transaction around a reader's one statement."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.exc import InvalidatePoolError, InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

CONNECTIONS = 20
"""For writing, and as many for reading. Those that were opened are kept: one more than that, closed again after its
use, costs its login and has prepared nothing."""


def opened_postgres(url: URL) -> tuple[AsyncEngine, AsyncEngine, AsyncEngine]:
    """For writing; for reading few rows, each statement by itself; and for reports, which see one moment."""
    writer, readers = (
        create_async_engine(url, pool_size=CONNECTIONS, max_overflow=0, hide_parameters=True) for _ in range(2)
    )
    for engine in (writer, readers):
        event.listen(engine.sync_engine, "checkout", _require_open)
    reader = readers.execution_options(isolation_level="AUTOCOMMIT")
    event.listen(reader.sync_engine, "before_cursor_execute", _require_reading)
    return writer, reader, readers.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _require_open(connection: Any, _record: object, _proxy: object) -> None:
    """The driver learns of an end by the socket: a server that was restarted has closed them all."""
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


def _require_reading(*asked: Any) -> None:
    """What a reader wrote would be kept at once: there is no transaction to give up."""
    context = asked[4]
    if context.isinsert or context.isupdate or context.isdelete:
        raise InvalidRequestError(f"this would write, on a connection for reading: {asked[2]}")
