"""G1, F17: where more confirmations are asked for, nothing leaves, runs or is paid out before there are so many."""

import asyncio

import pytest

from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.services.service import Fulfilment
from tests.simulation.test_reorganised import depth_of
from tests.simulation.world import RICH, open_world, service

DEEP = 5


def done(_arguments, _context):
    return "hello"


def deep_world(**plan):
    paid_first = service("paid-first", done, fulfilment=Fulfilment.AFTER_SETTLEMENT)
    return open_world(paid_first, confirmations=DEEP, finality=12, **plan)


@pytest.fixture
async def world():
    async with deep_world() as opened:
        opened.chain.give(opened.paddock.floats["paddock"].address, RICH)
        yield opened


async def ask(world, slug="echo"):
    quoted = await world.buyer.ask(world.url(slug), *(("POST", {}) if slug.endswith("pass") else ()))
    return quoted, world.buyer.pay(quoted)


async def until_settled(world, quoted):
    while True:
        async with world.db.read() as view:
            order = await view.orders.get(quoted.id)
        if order and order.payment is PaymentState.SETTLED:
            return order
        await world.clock.sleep(0.05)


@pytest.mark.parametrize("slug", ["echo", "paid-first", "access-pass"])
async def test_g1_an_answer_leaves_when_its_payment_is_so_deep_and_not_before(world, slug):
    quoted, header = await ask(world, slug)
    released = []

    def watch(_name, when):
        order = world.db.tables.orders.get(quoted.id)
        if when == "committed" and order and order.fulfilment is FulfilmentState.RELEASED:
            released.append(depth_of(world, order.settlement_block))

    world.db.hooks.append(watch)
    async with world.workers():
        answer = await world.buyer.present(quoted, header)
    assert answer.status_code == 200
    assert released[0] >= DEEP


@pytest.mark.parametrize("slug", ["echo", "paid-first", "access-pass"])
async def test_g1_a_slow_chain_is_202_without_a_byte_of_the_answer_until_then(world, slug):
    world.chain.block_seconds = 30
    quoted, header = await ask(world, slug)
    ran = []
    async with world.workers():
        first = await world.buyer.present(quoted, header)
        again = await world.buyer.present(quoted, header)
        ran.append((await world.order(quoted.id)).fulfilment)
        for answer in (first, again):
            assert (answer.status_code, b"hello" in answer.content) == (202, False)
        assert ran[0] is (FulfilmentState.READY if slug == "echo" else FulfilmentState.NONE)
        await world.clock.sleep(30 * DEEP)
        assert (await world.buyer.present(quoted, header)).status_code == 200
    assert world.settlements() == 1


@pytest.mark.parametrize("slug", ["echo", "paid-first", "access-pass"])
async def test_f17_a_reorganisation_before_the_depth_releases_nothing_and_costs_nothing(world, slug):
    quoted, header = await ask(world, slug)
    answer = asyncio.create_task(world.buyer.present(quoted, header))
    order = await until_settled(world, quoted)
    world.chain.drop_next = 10**6
    world.chain.reorganise(depth_of(world, order.settlement_block))
    await world.work(250)
    assert b"hello" not in (await answer).content
    order = await world.order(quoted.id)
    assert order.payment is PaymentState.FAILED
    assert order.released_at is None
    async with world.db.read() as view:
        assert await view.receipts.get(quoted.id) is None
    last = await world.buyer.present(quoted, header)
    assert (last.status_code, b"hello" in last.content) == (402, False)
    assert world.settlements() == 0


async def test_f17_after_a_reorganisation_the_depth_is_counted_anew(world):
    quoted, header = await ask(world)
    answer = asyncio.create_task(world.buyer.present(quoted, header))
    order = await until_settled(world, quoted)
    while depth_of(world, order.settlement_block) < DEEP - 1:
        await world.work(0.5)
    assert (await world.order(quoted.id)).fulfilment is FulfilmentState.READY
    world.chain.reorganise(depth_of(world, order.settlement_block))
    await world.work(2.5)
    assert (await world.order(quoted.id)).fulfilment is FulfilmentState.READY
    await world.work(20)
    assert (await answer).status_code in (200, 202)
    assert (await world.buyer.present(quoted, header)).status_code == 200
    order = await world.order(quoted.id)
    assert (order.round, world.settlements(), world.runs["echo"]) == (1, 1, 1)


async def test_w4_g1_late_money_releases_a_stored_answer_no_earlier(world):
    quoted, header = await ask(world)
    await drained(world, quoted, header)
    await world.submit_as_stranger(header)
    world.foreign.clear()
    await world.work(2)
    order = await world.order(quoted.id)
    assert (order.payment, order.fulfilment) == (PaymentState.SETTLED, FulfilmentState.READY)
    assert b"hello" not in (await world.client.get(f"/api/orders/{quoted.id}")).content
    await world.work(10)
    assert (await world.order(quoted.id)).fulfilment is FulfilmentState.RELEASED
    assert (await world.buyer.present(quoted, header)).status_code == 200


async def test_w4_g1_late_money_goes_back_no_earlier(world):
    quoted, header = await ask(world, "paid-first")
    await drained(world, quoted, header)
    await world.submit_as_stranger(header)
    world.foreign.clear()
    await world.work(2)
    order = await world.order(quoted.id)
    assert (order.money_back, order.refund_tx) == (MoneyBackState.DUE, None)
    await world.work(10)
    assert (await world.order(quoted.id)).money_back is MoneyBackState.REFUNDED


async def drained(world, quoted, header):
    """The payer's money is away while the payment is settled, so that its order fails; then it is back."""
    payer = world.buyer.account.address

    def drain(name, when):
        if (name, when) == ("settlement admitted", "committed"):
            world.chain.state.money[payer] = 0

    world.db.hooks.append(drain)
    assert (await world.buyer.present(quoted, header)).status_code == 402
    world.db.hooks.clear()
    world.chain.state.money[payer] = RICH
    assert (await world.order(quoted.id)).payment is PaymentState.FAILED
