"""W9 from the console: an order's page gives the paid wallet its refund to sign, and takes the signature."""

import pytest

from server.domain.states import MoneyBackState
from tests.simulation.staff import asking, staff
from tests.simulation.test_merchant_refunds import sent_back, signed
from tests.simulation.world import open_world

BUTTON = "Refund it from your wallet"


@pytest.fixture
async def world():
    async with open_world() as opened:
        opened.paddock.floats.clear()
        yield await staff(opened)


async def delivered(world):
    quoted = await world.buyer.ask(world.url("echo"))
    async with world.workers():
        assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
    return quoted.id


async def page(world, order_id, who):
    return (await world.client.get(f"/console/orders/{order_id}", headers=await asking(world, who))).text


async def test_w9_the_paid_wallet_signs_on_an_orders_page_and_the_money_goes_back_once(world):
    order_id = await delivered(world)
    path, headers = f"/console/orders/{order_id}/refund", await asking(world, "paid")
    assert BUTTON in await page(world, order_id, "paid")
    body = signed((await world.client.get(path, headers=headers)).json())
    answer = await world.client.post(path, headers=headers, json=body)
    assert (answer.status_code, answer.json()["money_back"]) == (202, "due"), answer.text
    assert BUTTON not in await page(world, order_id, "paid")
    assert (await world.client.post(path, headers=headers, json=body)).status_code == 409
    await world.work(60)
    assert (await world.order(order_id)).money_back is MoneyBackState.REFUNDED
    assert await sent_back(world) == [10_000]


async def test_only_the_wallet_that_was_paid_is_shown_the_button(world):
    order_id = await delivered(world)
    for who in ("owner", "operator", "reader", "marketplace"):
        assert BUTTON not in await page(world, order_id, who), who


async def test_s31_no_form_of_another_site_hands_in_a_refund(world):
    order_id = await delivered(world)
    path, headers = f"/console/orders/{order_id}/refund", await asking(world, "paid")
    body = signed((await world.client.get(path, headers=headers)).json())
    sent = await world.client.post(path, headers=headers, data=body)
    assert sent.status_code == 422, sent.text
    foreign = await world.client.post(path, headers=headers | {"sec-fetch-site": "cross-site"}, json=body)
    assert foreign.status_code == 401, foreign.text
    assert (await world.order(order_id)).money_back is MoneyBackState.NONE
