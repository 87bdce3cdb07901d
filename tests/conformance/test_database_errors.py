"""What a database that is away, or refuses a statement, looks like to the rest: our own error, and nobody's data."""

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.domain.errors import DuplicateClaim
from server.domain.outages import DatabaseUnavailable
from tests.fakes import samples
from tests.stack.processes import free_port

CANARY = "canary-of-a-signed-payment"


@pytest.mark.parametrize("way", ["begin", "read", "survey", "view"])
async def test_s30_a_database_that_is_away_is_our_own_error_and_says_no_password(way, caplog):
    db = SqlDatabase(f"postgresql://paddock:secret@127.0.0.1:{free_port()}/paddock", SystemClock())
    opened = db.begin("claim") if way == "begin" else getattr(db, way)()
    with pytest.raises(DatabaseUnavailable, match="did not answer") as raised:
        async with opened:
            pass
    assert "secret" not in str(raised.value) + caplog.text
    await db.close()


@pytest.mark.parametrize("way", ["begin", "read", "survey", "view"])
async def test_a_database_that_takes_no_more_connections_is_one_that_did_not_answer(way, request, postgres_url):
    postgres, _ = request.getfixturevalue("_postgres")
    postgres.execute("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0;")
    db = SqlDatabase(make_url(postgres_url).set(username="crowded").render_as_string(), SystemClock())
    opened = db.begin("claim") if way == "begin" else getattr(db, way)()
    try:
        with pytest.raises(DatabaseUnavailable, match="did not answer"):
            async with opened:
                pass
    finally:
        await db.close()
        postgres.execute("DROP ROLE crowded;")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_s29_a_statement_that_fails_does_not_quote_its_values(kind, request):
    db = SqlDatabase(request.getfixturevalue(f"{kind}_url"), SystemClock())
    with pytest.raises(DBAPIError) as raised:
        async with db.change() as connection:
            await connection.execute(
                text("INSERT INTO receipts (order_id, receipt) VALUES (:a, :b)"), {"a": 1, "b": CANARY}
            )
    assert "INSERT" in str(raised.value)
    assert CANARY not in str(raised.value)
    await db.close()


async def test_an_error_of_our_own_inside_a_unit_of_work_stays_what_it_is(database):
    order = samples.order()
    async with database.begin("claim") as work:
        await work.orders.add(order)
    with pytest.raises(DuplicateClaim):
        async with database.begin("claim") as work:
            await work.orders.add(order)
