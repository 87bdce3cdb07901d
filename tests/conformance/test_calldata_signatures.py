"""What ports.CalldataSignatures guarantees, on the fake, SQLite and PostgreSQL."""

from datetime import UTC, datetime

import pytest

from server.domain.choices import CalldataSignature
from tests.conformance.rows import race
from tests.fakes import samples

N = 20
NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)


async def put(database, signed):
    async with database.begin("sign") as work:
        await work.calldata.put(signed)


async def stored_order(database):
    order = samples.order()
    async with database.begin("order") as work:
        await work.orders.add(order)
    return order.id


async def test_c5_of_many_signatures_at_once_one_is_kept_and_stays(database):
    order_id = await stored_order(database)
    signatures = [CalldataSignature(order_id, bytes([n]) * 65, NOW) for n in range(N)]
    outcomes = await race(*(put(database, one) for one in signatures))
    assert sorted(outcomes) == ["DuplicateClaim"] * (N - 1) + ["won"]
    async with database.read() as view:
        assert await view.calldata.get(order_id) == signatures[outcomes.index("won")]


async def test_an_order_without_one_has_none_and_a_lost_unit_leaves_none(database):
    order_id = await stored_order(database)

    async def lose():
        async with database.begin("sign") as work:
            await work.calldata.put(CalldataSignature(order_id, b"\x01" * 65, NOW))
            raise LookupError

    with pytest.raises(LookupError):
        await lose()
    async with database.read() as view:
        assert await view.calldata.get(order_id) is None
    assert "x01" not in repr(CalldataSignature(order_id, b"\x01" * 65, NOW))
