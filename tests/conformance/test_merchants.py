"""What ports.Merchants guarantees, on the fake, SQLite and PostgreSQL."""

from dataclasses import replace

from server.domain.market import Merchant
from tests.conformance.rows import race

N = 20
FIRST = Merchant("acme", "Acme", "0x" + "a1" * 20, b"k" * 32, api_secret="1.s")


async def add(database, merchant, by="me"):
    async with database.begin("test") as work:
        await work.merchants.add(merchant, by)


async def move(database, merchant, pay_to):
    async with database.begin("test") as work:
        await work.merchants.move(merchant, pay_to, pay_to)


async def test_an_id_is_taken_once_and_the_audit_says_by_whom(database):
    outcomes = await race(*(add(database, replace(FIRST, name=f"n{n}"), f"by {n}") for n in range(N)))
    assert sorted(outcomes) == ["MerchantKnown"] * (N - 1) + ["won"]
    won = outcomes.index("won")
    async with database.read() as view:
        assert await view.merchants.get("acme") == replace(FIRST, name=f"n{won}")
        assert await view.merchants.get("nobody") is None
        lines = await view.merchants.changes("acme", 9)
    assert [(one.old, one.new, one.by) for one in lines] == [("", FIRST.pay_to, f"by {won}")]


async def test_of_moves_at_once_one_stands_and_only_that_is_in_the_audit(database):
    mover = replace(FIRST, id="mover", pay_to="0x" + "b2" * 20)
    await add(database, mover)
    places = ["0x" + f"{n:02x}" * 20 for n in range(N)]
    outcomes = await race(*(move(database, mover, place) for place in places))
    assert sorted(outcomes) == ["StaleWrite"] * (N - 1) + ["won"]
    won = places[outcomes.index("won")]
    async with database.read() as view:
        assert (await view.merchants.get("mover")).pay_to == won
        lines = await view.merchants.changes("mover", 9)
        assert [(one.old, one.new) for one in lines] == [(mover.pay_to, won), ("", mover.pay_to)]
        assert [await view.merchants.paid_at(place) for place in (mover.pay_to, won)] == [0, 1]
