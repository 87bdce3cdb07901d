"""What ports.Core guarantees: on the fake, and over HTTP on our own order API."""

from dataclasses import replace

import httpx
import pytest

from server.adapters.goat_core import GoatCore
from server.domain.errors import OrderRefused
from server.domain.outages import CoreUnavailable
from server.setting_values import CorePlace
from tests.fakes import samples
from tests.fakes.core import FakeCore
from tests.simulation.goat_world import OTHER_KEY, open_goat
from tests.simulation.transfer_world import PRICE
from tests.simulation.world import MERCHANT_KEY, ORIGIN


@pytest.fixture
async def goat():
    async with open_goat() as world:
        yield world


def core_at(goat, transport=None, merchant="paddock", key=MERCHANT_KEY):
    secret = goat.world.paddock.post.keys.api_secret("paddock", "1.test")
    transport = transport or httpx.ASGITransport(goat.world.app)
    return GoatCore(CorePlace(ORIGIN, merchant, key, secret), goat.world.clock, transport=transport)


@pytest.fixture(params=["fake", "ours"])
async def core(request, goat):
    if request.param == "fake":
        yield FakeCore()
    else:
        made = core_at(goat)
        yield made
        await made.close()


@pytest.fixture
def order(goat):
    asset = goat.world.paddock.market.asset.address
    return samples.order(amount=PRICE, asset=asset, pay_to=goat.payee)


async def test_an_order_at_the_core_is_over_the_same_money_and_made_once_for_its_name(core, order):
    made = await core.create("1", "USDC", order)
    assert made.is_for(order.terms)
    assert await core.create("1", "USDC", order) == made
    dearer = replace(order, terms=replace(order.terms, amount=2 * PRICE))
    with pytest.raises(OrderRefused, match="the Core refuses it"):
        await core.create("1", "USDC", dearer)


async def test_an_order_is_cancelled_once_at_the_core(core, order):
    made = await core.create("1", "USDC", order)
    await core.cancel(made.order_id)
    with pytest.raises(OrderRefused):
        await core.cancel(made.order_id)
    with pytest.raises(OrderRefused):
        await core.create("1", "USDC", order)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(302, headers={"Location": "http://elsewhere.test/"}),
        httpx.Response(401, json={"error": "no"}),
        httpx.Response(200, json={}),
        httpx.Response(402, text="nothing"),
        httpx.Response(402, json={"order_id": "1", "accepts": []}),
        httpx.Response(402, content=b" " * 70_000),
        httpx.ConnectError("away"),
    ],
)
async def test_a_core_that_answers_anything_else_is_not_there(goat, order, answer):
    asked = []

    def respond(request):
        asked.append(request.url.host)
        if isinstance(answer, Exception):
            raise answer
        return answer

    core = core_at(goat, httpx.MockTransport(respond))
    with pytest.raises(CoreUnavailable):
        await core.create("1", "USDC", order)
    assert asked == ["paddock.test"]
    await core.close()


async def test_a_core_at_which_we_are_nobody_is_not_there(goat, order):
    for core in (core_at(goat, key=OTHER_KEY), core_at(goat, merchant="other")):
        with pytest.raises(CoreUnavailable, match=r"status 40[13]"):
            await core.create("1", "USDC", order)
        await core.close()
