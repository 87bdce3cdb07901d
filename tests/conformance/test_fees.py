"""What ports.FeeBook guarantees, on the fake, SQLite and PostgreSQL."""

from dataclasses import replace

import pytest

from server.domain import fees
from server.domain.errors import DuplicateClaim, EntryRefused
from tests.conformance.rows import race
from tests.fakes import samples

N = 12


async def balance(database, merchant="paddock"):
    async with database.read() as view:
        return await view.fee_book.balance(merchant)


async def book(database, *entries):
    async with database.begin("fees booked") as work:
        for entry in entries:
            await work.fee_book.add(entry)


async def stored(database):
    order = samples.order()
    async with database.begin("order created") as work:
        await work.orders.add(order)
    return order.id


async def test_a_balance_is_the_sum_of_a_merchants_rows_and_nobody_elses(database):
    order_id = await stored(database)
    taken = fees.fee("paddock", 3, order_id)
    await book(database, fees.deposit("paddock", 10), fees.deposit("other", 7), taken, fees.withdrawal("paddock", 2))
    assert (await balance(database), await balance(database, "other"), await balance(database, "none")) == (5, 7, 0)
    await book(database, fees.returned(taken))
    assert await balance(database) == 8
    async with database.read() as view:
        assert list(await view.fee_book.of(order_id)) == [taken, fees.returned(taken)]


async def test_an_orders_fee_is_taken_and_returned_once(database):
    taken = fees.fee("paddock", 3, await stored(database))
    await book(database, taken, fees.returned(taken))
    for again in (taken, fees.returned(taken)):
        with pytest.raises(DuplicateClaim):
            await book(database, again)
    assert await balance(database) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 4},
        {"merchant": "other"},
        {"order_id": None},
        {"debit": "prepaid:other"},
        {"credit": "outside"},
    ],
)
async def test_nothing_is_returned_but_a_fee_that_was_taken(database, changes):
    taken = fees.fee("paddock", 3, await stored(database))
    with pytest.raises(EntryRefused):
        await book(database, fees.returned(taken))
    await book(database, taken)
    with pytest.raises(EntryRefused):
        await book(database, replace(fees.returned(taken), **changes))
    await book(database, fees.returned(taken))
    assert await balance(database) == 0


async def test_many_fees_at_once_never_use_more_than_was_paid_in(database):
    await book(database, fees.deposit("paddock", 5))
    orders = [await stored(database) for _ in range(N)]

    async def take(order_id):
        async with database.begin("order created") as work:
            if await work.fee_book.balance("paddock") < 1:
                raise DuplicateClaim("short")
            await work.fee_book.add(fees.fee("paddock", 1, order_id))

    outcomes = await race(*(take(one) for one in orders))
    assert (outcomes.count("won"), outcomes.count("DuplicateClaim")) == (5, N - 5)
    assert await balance(database) == 0


def test_no_row_moves_nothing():
    with pytest.raises(ValueError, match="above zero"):
        fees.deposit("paddock", 0)
