"""Merchants' API keys as rows, on SQLite and PostgreSQL: two count at most, and none is undone by a migration."""

import asyncio
from datetime import timedelta

import pytest

from server.adapters import merchant_rows
from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.adapters.merchant_rows import all_merchants, keep_fresh, put_merchant, rotate_key
from server.domain.errors import RotationPending, UnknownMerchant
from server.domain.market import key_digest
from server.settings import DEVNET_SECRETS
from tests.stack.databases import devnet_merchant, migrate
from tests.stack.waiting import eventually

OLD, NEW, NEWEST = (key_digest(key) for key in (DEVNET_SECRETS["PADDOCK_MERCHANT_KEY"], "new", "newest"))
HOUR = timedelta(hours=1)
NOW = SystemClock().now()


@pytest.fixture
async def db(database_url):
    made = SqlDatabase(database_url, SystemClock())
    yield made
    await made.close()


async def rotate(db, digest, overlap, now=NOW):
    async with db.change() as connection:
        await rotate_key(connection, "paddock", digest, now, overlap)


async def good(db, now):
    async with db.view() as connection:
        return set((await all_merchants(connection))["paddock"].digests(now))


async def test_a_rotated_key_counts_at_once_and_the_old_one_until_the_stated_time(db):
    assert await good(db, NOW) == {OLD}
    await rotate(db, NEW, HOUR)
    assert await good(db, NOW) == await good(db, NOW + HOUR - timedelta(seconds=1)) == {OLD, NEW}
    assert await good(db, NOW + HOUR) == {NEW}


async def test_a_second_rotation_waits_for_the_first_unless_all_old_keys_are_to_end(db):
    await rotate(db, NEW, HOUR)
    with pytest.raises(RotationPending, match="still counts, until"):
        await rotate(db, NEWEST, HOUR)
    assert await good(db, NOW) == {OLD, NEW}
    await rotate(db, NEWEST, timedelta(0))
    assert await good(db, NOW) == {NEWEST}
    await rotate(db, NEW, HOUR)
    assert await good(db, NOW) == {NEWEST, NEW}


async def test_a_merchant_that_is_not_there_is_named(db):
    with pytest.raises(UnknownMerchant, match="nobody"):
        async with db.change() as connection:
            await rotate_key(connection, "nobody", NEW, NOW, HOUR)


async def test_two_rotations_at_once_leave_one_of_the_new_keys_and_the_one_before(db):
    results = await asyncio.gather(rotate(db, NEW, HOUR), rotate(db, NEWEST, HOUR), return_exceptions=True)
    assert [type(one) for one in results if one] == [RotationPending]
    assert await good(db, NOW) in ({OLD, NEW}, {OLD, NEWEST})


async def test_entering_the_merchant_again_does_not_bring_a_rotated_key_back(db, database_url):
    await rotate(db, NEW, HOUR)
    async with db.change() as connection:
        await put_merchant(connection, devnet_merchant(), NOW)
    migrate(database_url)
    assert await good(db, NOW) == {OLD, NEW}


async def test_who_knows_the_merchants_learns_of_a_new_key_without_a_new_start(db, monkeypatch):
    monkeypatch.setattr(merchant_rows, "REFRESH", 0.01)
    async with db.view() as connection:
        known = await all_merchants(connection)
    async with keep_fresh(db, known):
        await rotate(db, NEW, HOUR)
        await eventually(lambda: asyncio.sleep(0, NEW in known["paddock"].digests(NOW)), 10, "the new key is known")
        assert NEW in known["paddock"].digests(NOW)
