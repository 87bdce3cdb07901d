"""How PostgreSQL is asked: nothing beside what is wanted, connections that stay, and surveys of one moment."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.pool import Pool

from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.adapters.postgres import CONNECTIONS
from tests.fakes import samples

LONG = 20.0
"""Seconds."""


@pytest.fixture
def asked():
    """What connections opened meanwhile ask of the server, but for statements that they prepared."""
    queries = []

    def listen(connection, _record):
        connection.driver_connection.add_query_logger(lambda record: queries.append(record.query))

    event.listen(Pool, "connect", listen)
    yield queries
    event.remove(Pool, "connect", listen)


@pytest.fixture
async def db(postgres_url, asked):
    opened = SqlDatabase(postgres_url, SystemClock())
    for way in (opened.begin("look"), opened.read(), opened.survey()):
        async with way as work:
            await work.outbox.waiting()
    asked.clear()
    yield opened
    await opened.close()


async def sessions(url):
    """The processes that serve this database's connections, but for the one that asks."""
    connection = await asyncpg.connect(url)
    try:
        query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        return {row["pid"] for row in await connection.fetch(query)}
    finally:
        await connection.close()


async def test_a_reader_asks_for_no_transaction_and_nobody_asks_whether_the_connection_stands(db, asked):
    async with db.read() as view:
        assert await view.outbox.waiting() == 0
        assert await view.orders.get("none") is None
    assert asked == []
    async with db.begin("look") as work:
        assert await work.outbox.waiting() == 0
    assert asked == ["BEGIN;", "COMMIT;"]


async def test_what_a_unit_of_work_wrote_is_there_for_the_next_reader_alone_when_it_is_committed(db):
    async with db.begin("claim") as work, db.read() as view:
        order = samples.order()
        await work.orders.add(order)
        assert await view.orders.get(order.id) is None
    async with db.read() as view:
        assert await view.orders.get(order.id) is not None


async def test_a_reader_writes_nothing_although_it_has_no_transaction(db):
    order = samples.order()
    async with db.begin("claim") as work:
        await work.orders.add(order)
    writes = (
        lambda view: view.outbox.add("execute", order.id, order.created_at),
        lambda view: view.orders.save(order),
        lambda view: view.sessions.end(b"secret"),
    )
    for write in writes:
        with pytest.raises(InvalidRequestError, match="on a connection for reading"):
            async with db.read() as view:
                await write(view)


async def test_a_survey_sees_one_moment_and_changes_nothing(db, asked):
    order = samples.order()
    async with db.survey() as view:
        assert await view.outbox.waiting() == 0
        async with db.begin("claim") as work:
            await work.orders.add(order)
        assert await view.orders.get(order.id) is None
        with pytest.raises(DBAPIError, match="read-only transaction"):
            await view.outbox.add("execute", "one", order.created_at)
    assert "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;" in asked
    asked.clear()
    for way in (db.survey, db.read):
        async with way() as view:
            assert await view.orders.get(order.id) is not None
    assert asked == ["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;", "ROLLBACK;"], "a reader has no transaction"


async def test_s30_connections_that_the_server_closed_are_opened_anew_before_anybody_fails(db, postgres_url):
    held = await sessions(postgres_url)
    assert held
    connection = await asyncpg.connect(postgres_url)
    for pid in held:
        await connection.execute(f"SELECT pg_terminate_backend({pid}, 10000)")
    await connection.close()
    assert not held & await sessions(postgres_url)
    order = samples.order()
    async with db.begin("claim") as work:
        await work.orders.add(order)
    for way in (db.read, db.survey):
        async with way() as view:
            assert await view.orders.get(order.id) is not None


async def test_connections_are_kept_and_no_more_than_are_told_are_opened(db, postgres_url):
    together = asyncio.Barrier(CONNECTIONS)

    async def work(meet):
        async with db.begin("look") as unit:
            assert await unit.outbox.waiting() == 0
            if meet:
                await together.wait()

    async with asyncio.timeout(LONG):
        await asyncio.gather(*(work(meet=True) for _ in range(CONNECTIONS)))
    opened = await sessions(postgres_url)
    assert len(opened) == CONNECTIONS + 1, "and a reader's"
    async with asyncio.timeout(LONG):
        await asyncio.gather(*(work(meet=False) for _ in range(3 * CONNECTIONS)))
    assert await sessions(postgres_url) == opened
