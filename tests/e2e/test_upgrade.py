"""Migrations on live data: what the first version wrote keeps its meaning, and today's code finishes it."""

from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime

import httpx
import pytest
from alembic.util import CommandError
from sqlalchemy import event, inspect, text, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine

from server.adapters.database import async_url
from server.adapters.models import orders
from server.application.reconcile import reconcile
from server.domain.cases import CaseKind
from tests.stack.buyer import Buyer
from tests.stack.databases import migrate
from tests.stack.marketplace import TOKEN
from tests.stack.old_rows import as_of_old, back_to, rows_of, to_revision, write
from tests.stack.staging import ENDINGS, endings
from tests.stack.waiting import eventually

UNSAID = {
    "ledger_entries": ("block", "block_hash", "booked_at"),
    "chain_transactions": ("block_hash",),
    "chain_attempts": ("signed_at",),
    "settlements": ("transaction",),
}
"""Columns of today about which the first version's rows say nothing, or the same in another column."""
KEPT = (
    "orders", "order_events", "deliveries", "receipts", "proofs", "merchants", "sending_keys", "ledger_entries",
    "chain_transactions", "chain_attempts", "settlements",
)  # fmt: skip


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request, tmp_path):
    """A database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/old.db"
        return
    postgres, _template = request.getfixturevalue("_postgres")
    name = postgres.create()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
async def old_url(empty_url, left_over):
    """A database as the first version left it."""
    to_revision(empty_url)
    await write(empty_url, as_of_old(left_over.rows))
    return empty_url


@pytest.fixture
def place(left_over, left_anvil, old_url, deployments, tmp_path):
    marketplace = left_over.succeed(tmp_path, left_anvil.url, old_url, deployments)
    yield marketplace
    marketplace.stop()


def said(rows, table):
    unsaid = UNSAID.get(table, ())
    return [{name: value for name, value in row.items() if name not in unsaid} for row in rows[table]]


async def test_every_row_of_the_first_version_says_after_the_migrations_what_it_said_before(old_url, left_over):
    migrate(old_url)
    found = await rows_of(old_url)
    for table in KEPT:
        assert said(found, table) == said(left_over.rows, table), table
    jobs = as_of_old(left_over.rows)["outbox"]
    assert {row["topic"] for row in jobs} >= {"execute", "follow", "prove", "refund"}
    waiting = {row["id"]: (row["done"], row["generation"]) for row in found["outbox"]}
    assert {row["id"]: (row["done"], row["generation"]) for row in jobs}.items() <= waiting.items()
    final = {left_over.staged.orders[name] for name in ("delivered", "called", "launched")}
    assert {row["order_id"] for row in found["receipt_queue"]} == final
    assert waiting["chain_receipts:paddock"] == (0, 1)


async def test_late_money_is_watched_for_where_an_old_order_ended_and_its_authorization_holds(old_url, left_over):
    held, lapsed = (left_over.staged.orders[name] for name in ("handled, then admitted", "handled"))
    async with engine_of(old_url) as connection:
        await connection.execute(
            text("UPDATE orders SET payment = 'failed', fulfilment = 'failed' WHERE id IN (:held, :lapsed)"),
            {"held": held, "lapsed": lapsed},
        )
        await connection.execute(update(orders).where(orders.c.id == lapsed).values(valid_before=datetime.now(UTC)))
    migrate(old_url)
    jobs = {row["id"] for row in (await rows_of(old_url))["outbox"] if not row["done"]}
    assert f"follow:{held}" in jobs
    assert f"follow:{lapsed}" not in jobs


@pytest.mark.parametrize("wrong", ["amount = '0'", "amount = '-1'", "debit = credit", "kind = 'refund', round = 1"])
async def test_the_ledgers_rules_survive_the_migrations(old_url, wrong):
    migrate(old_url)
    with pytest.raises(IntegrityError):
        async with engine_of(old_url) as connection:
            await connection.execute(text(f"UPDATE ledger_entries SET {wrong}"))


@asynccontextmanager
async def engine_of(url):
    """A transaction of its own, whatever tables there are."""
    engine = create_async_engine(async_url(url))
    try:
        async with engine.begin() as connection:
            yield connection
    finally:
        await engine.dispose()


async def test_todays_processes_finish_what_the_first_version_began(place, old_url, left_over):
    migrate(old_url)
    place.start_server()
    place.start_worker()

    async def over():
        return await endings(place, left_over.staged) == ENDINGS

    await eventually(over, 120, "every order ends as it must", every=0.5)
    operator = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(timeout=60) as client:
        buyer = Buyer(client, left_over.account)
        for name in ("delivered", "paid", "signed", "called"):
            again = await left_over.present(place, client, name)
            assert (again.status_code, again.headers.get("idempotent-replayed")) == (200, "true"), name

        async def chained():
            path = f"{place.url}/api/orders/{left_over.staged.orders['delivered']}/receipt"
            return (await client.get(path, headers=operator)).json().get("chain")

        await eventually(chained, 60, "an old receipt is chained", every=0.5)
        bought = await buyer.buy(f"{place.url}/v1/market-signal?symbol=DEMO-TREND&window=20")
        assert bought.status_code == 200
    async with place.parts() as parts:

        async def agrees():
            return not await reconcile(parts)

        await eventually(agrees, 30, "ledger and chain agree", every=0.5)
        async with parts.db.read() as view:
            cases = await view.cases.listed(100)
        assert [case for case in cases if case.kind is not CaseKind.DUPLICATE] == []


@contextmanager
def dying_at(statement):
    """Whoever executes that SQL dies just before."""

    def die(_connection, _cursor, executed, *_):
        if statement in executed:
            raise SystemExit(executed)

    event.listen(Engine, "before_cursor_execute", die)
    yield
    event.remove(Engine, "before_cursor_execute", die)


async def test_a_migration_that_dies_half_way_leaves_nothing_behind_and_can_be_made_again(old_url, left_over):
    before = await form_of(old_url)
    with dying_at("ADD COLUMN former_until"), pytest.raises(SystemExit):
        migrate(old_url)
    assert await form_of(old_url) == before
    migrate(old_url)
    assert said(await rows_of(old_url), "orders") == said(left_over.rows, "orders")


async def form_of(url):
    """The revision, and each table's columns."""

    def look(connection):
        found = inspect(connection)
        tables = {name: [one["name"] for one in found.get_columns(name)] for name in found.get_table_names()}
        return tables, connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()

    async with engine_of(url) as connection:
        return await connection.run_sync(look)


async def test_the_way_back_to_the_first_version_is_refused_and_changes_nothing(old_url):
    migrate(old_url)
    before = await rows_of(old_url)
    with pytest.raises(CommandError, match="backup"):
        back_to(old_url, "0001")
    assert await rows_of(old_url) == before


async def test_the_newest_migration_can_be_taken_back_and_made_again(old_url):
    migrate(old_url)
    back_to(old_url, "-1")
    migrate(old_url)
    assert {row["id"] for row in (await rows_of(old_url))["merchants"]} == {"paddock"}
