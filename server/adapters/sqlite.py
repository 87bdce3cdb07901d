"""SQLite for units of work, on the event loop's own thread: a statement takes microseconds, and handing it to another
thread several hundred. What takes long doesn't hold the loop up: a commit syncs the disk in a thread, and a writer
waits for the lock by sleeping. Reports, which may read many rows, have an engine whose statements run in threads."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Connection, CursorResult, Dialect, Executable, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

BUSY_SECONDS = 30.0
FIRST_WAIT, LONGEST_WAIT = 0.0005, 0.01
KEPT_READERS = 5


class NearConnection:
    """Implements Statements on an open connection, without a switch to anything else."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def dialect(self) -> Dialect:
        return self._connection.dialect

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[*tuple[Any, ...]]:
        return self._connection.execute(statement, parameters)

    @asynccontextmanager
    async def begin_nested(self) -> AsyncIterator[None]:
        with self._connection.begin_nested():
            yield


class NearSqlite:
    """One file's connections, which stay open. Within a process writers take turns for the only one that writes."""

    def __init__(self, url: URL) -> None:
        self._turn = asyncio.Lock()
        self._writer, self._reader = (
            create_engine(
                url.set(drivername="sqlite"),
                connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
                hide_parameters=True,
                pool_size=KEPT_READERS,
                max_overflow=-1,
            )
            for _ in range(2)
        )
        event.listen(self._writer, "connect", _prepare)
        event.listen(self._writer, "connect", _never_wait)
        event.listen(self._reader, "connect", _prepare)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[NearConnection]:
        """A transaction that holds the lock from its beginning. Raises sqlite3.OperationalError, TimeoutError."""
        async with asyncio.timeout(BUSY_SECONDS):
            await self._turn.acquire()
        try:
            with self._writer.connect() as connection, connection.begin():
                driver: Any = connection.connection.driver_connection
                await _lock(driver)
                yield NearConnection(connection)
                await _commit(driver)
        finally:
            self._turn.release()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[NearConnection]:
        """A consistent view."""
        with self._reader.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            yield NearConnection(connection)

    async def dispose(self) -> None:
        self._writer.dispose()
        self._reader.dispose()


def far_engine(url: URL) -> AsyncEngine:
    """For reports: a thread for each connection, in which its statements run."""
    engine = create_async_engine(url, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _prepare(connection: Any, _record: object) -> None:
    """WAL and FULL: a commit that returned survives a power cut. Transactions are begun by hand."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _never_wait(connection: sqlite3.Connection, _record: object) -> None:
    """SQLite would wait for another process inside the event loop."""
    connection.execute("PRAGMA busy_timeout=0")


async def _lock(driver: sqlite3.Connection) -> None:
    """IMMEDIATE: two writers could both read first and then overwrite each other (measured: 110 of 500)."""
    loop, wait = asyncio.get_running_loop(), FIRST_WAIT
    until = loop.time() + BUSY_SECONDS
    while True:
        try:
            driver.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or loop.time() > until:
                raise
        await asyncio.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT)


async def _commit(driver: sqlite3.Connection) -> None:
    """Whoever is cancelled meanwhile waits for the end: nobody else may use the connection before it."""
    done = asyncio.get_running_loop().run_in_executor(None, commit_now, driver)
    try:
        await asyncio.shield(done)
    except asyncio.CancelledError:
        await asyncio.wait([done])
        raise


def commit_now(driver: sqlite3.Connection) -> None:
    """Returns when the commit is on the disk."""
    driver.commit()
