"""What ports.BuyerKeys guarantees, on the fake, SQLite and PostgreSQL."""

import asyncio
import secrets
from dataclasses import replace
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.adapters.models import metadata
from server.domain.access_errors import BadBuyerKey, SpendLimitReached
from server.domain.buyer_keys import BuyerKey, Cap
from server.domain.states import PaymentState
from tests.fakes import samples
from tests.fakes.samples import NETWORK, NOW, TOKEN

N, PLACES = 50, 10
ANNA, BERT = samples.order().authorization.payer, "0x" + "B2" * 20
OTHER = "0x" + "11" * 20
CAPS = (Cap(NETWORK, OTHER, 2**256 - 1), Cap(NETWORK, TOKEN, 500_000))
DAY = timedelta(days=1)


def a_key(**changes):
    key = BuyerKey(secrets.token_hex(8), ANNA, "research", secrets.token_bytes(32), 60, NOW, NOW + 9 * DAY, caps=CAPS)
    return replace(key, **changes)


async def added(database, key, now=NOW):
    async with database.begin("test") as work:
        return await work.buyer_keys.add(key, now)


async def found(database, key):
    async with database.read() as view:
        return await view.buyer_keys.find(key.secret)


async def revoke(database, wallet, key, now=NOW):
    async with database.begin("test") as work:
        return await work.buyer_keys.revoke(wallet, key.id, now)


async def claim(database, key, **changes):
    """As `application.claim` does: the order, the key as it is now, what was spent with it."""
    order = samples.order(**changes)
    async with database.begin("claim") as work:
        await work.orders.add(order)
        held = await work.buyer_keys.hold(key.secret)
        held.require_live(NOW)
        spent = await work.buyer_keys.spend(held, order)
        held.require_within(order, spent)
    return order, spent


async def outcome(attempt):
    try:
        await attempt
    except (BadBuyerKey, SpendLimitReached) as error:
        return type(error)
    return "won"


async def test_keys_are_found_by_their_digest_and_listed_by_wallet_newest_first(database):
    old, new, theirs = a_key(), a_key(at=NOW + DAY, caps=()), a_key(wallet=BERT)
    assert [await added(database, key) for key in (old, new, theirs)] == [1, 2, 1]
    async with database.read() as view:
        assert await view.buyer_keys.of(ANNA, 10) == [new, old]
        assert await view.buyer_keys.of(ANNA, 1) == [new]
        assert await view.buyer_keys.of(OTHER, 10) == []
        assert await view.buyer_keys.find(b"x" * 32) is None
    assert await found(database, old) == old


async def test_a_key_is_revoked_by_its_wallet_once_and_for_ever_and_counts_as_live_no_more(database):
    key = a_key()
    await added(database, key)
    assert not await revoke(database, BERT, key)
    assert await found(database, key) == key
    assert [await revoke(database, ANNA, key, NOW + n * DAY) for n in (1, 2)] == [True, True]
    assert await found(database, key) == replace(key, revoked_at=NOW + DAY)
    assert await added(database, a_key()) == 1
    assert await added(database, a_key(until=NOW + 20 * DAY), NOW + 9 * DAY) == 1, "the one before has expired"


async def test_keys_that_one_wallet_makes_at_once_are_counted_one_after_the_other(database):
    assert sorted(await asyncio.gather(*(added(database, a_key()) for _ in range(20)))) == list(range(1, 21))


async def test_what_a_key_spends_is_counted_by_asset_and_day_and_not_what_ended_without_money(database):
    key, other = a_key(), a_key()
    for one in (key, other):
        await added(database, one)
    _, first = await claim(database, key, amount=100_000)
    metered, second = await claim(database, key, amount=200_000)
    assert (first, second) == (100_000, 300_000)
    metered.charged = 50_000
    async with database.begin("test") as work:
        await work.orders.save(metered)
    assert (await claim(database, key, amount=1))[1] == 150_001
    assert (await claim(database, other, amount=2))[1] == 2
    assert (await claim(database, key, amount=3, created_at=NOW + DAY))[1] == 3
    assert (await claim(database, key, amount=2**255, asset=OTHER))[1] == 2**255
    assert (await claim(database, key, amount=2**255 - 1, asset=OTHER))[1] == 2**256 - 1
    for end in (PaymentState.FAILED, PaymentState.EXPIRED, PaymentState.CANCELLED):
        order, _ = await claim(database, key, amount=300_000)
        order.pay(end, "the end")
        async with database.begin("test") as work:
            await work.orders.save(order)
    assert (await claim(database, key, amount=4))[1] == 150_005


async def test_of_fifty_claims_at_once_under_a_cap_for_ten_exactly_ten_are_made(database):
    """Counted in the unit of work that claims, by whoever holds the key: nobody slips through before its commit."""
    key = a_key()
    await added(database, key)
    outcomes = await asyncio.gather(*(outcome(claim(database, key)) for _ in range(N)))
    assert (outcomes.count("won"), outcomes.count(SpendLimitReached)) == (PLACES, N - PLACES)
    async with database.read() as view:
        assert len(await view.orders.recent(N)) == PLACES


async def test_a_claim_and_a_revocation_at_once_come_one_after_the_other(database):
    """Whoever holds a key sees what became of it: no claim is made by one that was revoked before."""
    key, revoked, held = a_key(), asyncio.Event(), asyncio.Event()
    await added(database, key)

    async def end():
        async with database.begin("test") as work:
            await work.buyer_keys.revoke(ANNA, key.id, NOW)
            revoked.set()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(held.wait(), 0.3)

    async def use():
        await revoked.wait()
        async with database.begin("claim") as work:
            found_ = await work.buyer_keys.hold(key.secret)
            held.set()
            found_.require_live(NOW)

    assert await asyncio.gather(outcome(end()), outcome(use())) == ["won", BadBuyerKey]


@pytest.mark.parametrize("limit", [1, 2])
async def test_a_lost_unit_leaves_neither_key_nor_spending(database, limit):
    key = a_key(caps=(Cap(NETWORK, TOKEN, limit * 50_000),))
    await added(database, key)
    outcomes = [await outcome(claim(database, key)) for _ in range(limit + 2)]
    assert outcomes == ["won"] * limit + [SpendLimitReached] * 2
    assert (await claim(database, key, amount=7, created_at=NOW + DAY))[1] == 7


@pytest.mark.parametrize("kind", ["sqlite_url", "postgres_url"])
async def test_the_migrations_make_exactly_the_tables_of_the_code(request, kind):
    db = SqlDatabase(request.getfixturevalue(kind), SystemClock())
    async with db.view() as connection:
        found = await connection.run_sync(lambda sync: compare_metadata(MigrationContext.configure(sync), metadata))
    await db.close()
    assert "buyer_keys" in metadata.tables
    assert [one for one in found if "buyer_key" in str(one)] == []
