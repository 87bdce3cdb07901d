"""Proof records in the databases themselves: the newest one stands, and one of no order is an error."""

import pytest
from sqlalchemy.exc import IntegrityError

from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from tests.fakes import samples
from tests.fakes.samples import NOW


@pytest.fixture(params=["sqlite_url", "postgres_url"])
async def database(request):
    db = SqlDatabase(request.getfixturevalue(request.param), SystemClock())
    yield db
    await db.close()


async def test_the_newest_record_stands_and_one_of_no_order_is_an_error(database):
    order = samples.order()
    async with database.begin("test") as work:
        await work.orders.add(order)
        await work.proofs.put(order.id, b"first", NOW)
        await work.proofs.put(order.id, b"second", NOW)
        assert await work.proofs.get(order.id) == b"second"
    with pytest.raises(IntegrityError):
        async with database.begin("test") as work:
            await work.proofs.put("nobody", b"lost", NOW)
