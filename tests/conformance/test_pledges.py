"""What ports.Pledges guarantees, on the fake, SQLite and PostgreSQL."""

from dataclasses import replace

import pytest

from server.domain.errors import StaleWrite
from server.domain.pledges import Pledge
from tests.conformance.rows import race
from tests.fakes import samples

N = 20
FLOAT, SHOP = "0x" + "f1" * 20, "0x" + "5b" * 20


async def put(database, pledge, instead_of=None):
    async with database.begin("pledge") as work:
        await work.pledges.put(pledge, instead_of)


async def get(database, refund):
    async with database.read() as view:
        return await view.pledges.get(refund)


async def test_w9_of_two_wallets_at_once_one_is_pledged(database):
    refund = samples.order().refund_name
    pledges = [Pledge(refund, wallet, 10, 1_000 + n) for n in range(N) for wallet in (FLOAT, SHOP)]
    outcomes = await race(*(put(database, pledge) for pledge in pledges))
    assert sorted(outcomes) == ["StaleWrite"] * (2 * N - 1) + ["won"]
    assert await get(database, refund) == pledges[outcomes.index("won")]


async def test_w9_a_pledge_gives_way_to_another_only_as_it_was_read(database):
    refund = samples.order().refund_name
    first = Pledge(refund, FLOAT, 2**255, 1_000)
    signed = Pledge(refund, SHOP, 10, 2_000, b"\x01" * 65)
    await put(database, first)
    for read in (
        replace(first, wallet=SHOP),
        replace(first, value=1),
        replace(first, valid_before=999),
        replace(first, signature=b"s"),
    ):
        with pytest.raises(StaleWrite):
            await put(database, signed, read)
    await put(database, signed, first)
    outcomes = await race(*(put(database, replace(first, valid_before=3_000 + n), signed) for n in range(N)))
    assert outcomes.count("won") == 1


async def test_a_refund_without_a_pledge_has_none_and_a_lost_unit_leaves_none(database):
    refund = samples.order().refund_name

    async def lose():
        async with database.begin("pledge") as work:
            await work.pledges.put(Pledge(refund, FLOAT, 10, 1_000), None)
            raise LookupError

    with pytest.raises(LookupError):
        await lose()
    assert await get(database, refund) is None
    assert "0101" not in repr(Pledge(refund, SHOP, 10, 2_000, b"\x01" * 65))
