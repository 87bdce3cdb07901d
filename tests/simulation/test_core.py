"""Our services sold through a Core, which keeps an order beside ours and whose word moves nothing."""

from dataclasses import replace

import pytest

from tests.fakes.core import FakeCore
from tests.simulation.transfer_world import open_transfers


@pytest.fixture
async def selling():
    """A marketplace that sells through a Core."""
    async with open_transfers() as world:
        core = FakeCore()
        world.world.app.state.paddock = replace(world.world.paddock, core=core)
        yield world, core


async def test_a_service_is_sold_through_the_core_and_delivered_by_what_the_chain_shows(selling):
    world, core = selling
    order_id = await world.order()
    (made,) = core.made.values()
    async with world.world.db.read() as view:
        timeline = await view.orders.timeline(order_id)
    assert [event.new for event in timeline if event.what == "core order"] == [made.order_id]
    await world.send(made.amount, to=made.pay_to)
    await world.world.work(10)
    assert (await world.answer(order_id)).status_code == 200
    assert core.cancelled == set()


@pytest.mark.parametrize(
    "lies", [{"pay_to": "0x" + "66" * 20}, {"amount": 1}, {"asset": "0x" + "66" * 20}, {"network": "eip155:1"}]
)
async def test_a_core_that_leads_the_money_elsewhere_sells_nothing(selling, lies):
    world, core = selling
    core.lies = lies
    answer = await world.ask()
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/core-unavailable")
    assert (await world.world.orders(), len(core.cancelled)) == ([], 1)


async def test_an_order_that_finds_no_place_is_cancelled_at_the_core_and_without_a_core_none_is_made(selling):
    world, core = selling
    world.world.paddock.admission.orders_per_payer = 1
    await world.order()
    assert (await world.ask()).status_code == 429
    assert len(core.cancelled) == 1
    core.away = True
    world.world.paddock.admission.orders_per_payer = 9
    answer = await world.ask()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert len(await world.world.orders()) == 1
