"""The fee that a merchant pays for an order of its back end: prepaid, refused when short, returned when unpaid."""

from dataclasses import replace

import pytest

from server.domain import fees
from tests.simulation.goat_world import open_goat
from tests.simulation.transfer_world import PRICE

FEE = 20_000


@pytest.fixture
async def goat():
    async with open_goat() as world:
        world.world.app.state.paddock = replace(world.world.paddock, order_fee=FEE)
        yield world


async def paid_in(goat, amount):
    async with goat.world.db.begin("fees booked") as work:
        await work.fee_book.add(fees.deposit("paddock", amount))


async def balance(goat):
    async with goat.world.db.read() as view:
        return await view.fee_book.balance("paddock")


async def test_an_order_costs_its_fee_once_and_is_refused_when_the_balance_is_short(goat):
    refused = await goat.shop.create(**goat.wish())
    assert refused.status_code == 400
    assert refused.json()["error"] == "insufficient fee balance: available=$0, required=$0.02"
    assert await goat.world.orders() == []
    await paid_in(goat, 2 * FEE - 1)
    order_id = await goat.create()
    assert await goat.create() == order_id
    assert await balance(goat) == FEE - 1
    assert (await goat.shop.create(**goat.wish(dapp_order_id="2", amount_wei="5"))).status_code == 400
    await goat.send(PRICE)
    await goat.world.work(10)
    assert (await goat.shop.status(order_id), await balance(goat)) == ("PAYMENT_CONFIRMED", FEE - 1)


async def test_the_fee_comes_back_once_when_an_order_is_cancelled_or_expires(goat):
    await paid_in(goat, 2 * FEE)
    first, second = await goat.create(), await goat.create(dapp_order_id="2", amount_wei="5")
    assert await balance(goat) == 0
    assert (await goat.shop.cancel(first)).status_code == 200
    assert await balance(goat) == FEE
    await goat.world.work(16 * 60)
    assert (await goat.shop.status(second), await balance(goat)) == ("EXPIRED", 2 * FEE)
    await goat.send(5)
    await goat.world.work(60)
    assert (await goat.returned(), await balance(goat)) == ([5], 2 * FEE)
