"""W4: an authorization that somebody uses after its order has ended pays for a stored answer, or goes back, once."""

import asyncio

import pytest

from server.application.follow import follow
from server.domain.cases import CaseKind
from server.domain.outages import ChainUnavailable
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.services.service import Fulfilment
from tests.fakes.evm import TOKEN
from tests.simulation.test_confirmations import drained
from tests.simulation.world import RICH, open_world, refuse, service
from tests.simulation.world import TOKEN as OPERATOR

LATE = "the payment came after the order had ended"


@pytest.fixture
async def world():
    paid_first = service("paid-first", refuse(422), fulfilment=Fulfilment.AFTER_SETTLEMENT)
    async with open_world(service("refusing", refuse(422)), paid_first) as opened:
        opened.chain.give(opened.paddock.floats["paddock"].address, RICH)
        yield opened


async def ask(world, slug):
    quoted = await world.buyer.ask(world.url(slug), *(("POST", {}) if slug.endswith("pass") else ()))
    return quoted, world.buyer.pay(quoted)


async def late(world, header):
    """A stranger hands the authorization in; the Transfer is the order's own."""
    await world.submit_as_stranger(header)
    world.foreign.clear()
    assert world.settlements() == 1


async def cancelled(world):
    """An order whose handler failed, and that the operator then cancelled."""
    quoted, header = await ask(world, "refusing")
    await world.buyer.present(quoted, header)
    path = f"/api/orders/{quoted.id}/cancel"
    assert (await world.client.post(path, headers={"Authorization": f"Bearer {OPERATOR}"})).status_code == 200
    return quoted, header


async def assert_refunded_once(world, order_id):
    order = await world.order(order_id)
    assert (order.payment, order.fulfilment) == (PaymentState.SETTLED, FulfilmentState.FAILED)
    assert (order.money_back, order.failure) == (MoneyBackState.REFUNDED, LATE)
    assert await world.chain.token_balance(TOKEN, world.buyer.account.address) == RICH
    async with world.db.read() as view:
        assert [row.kind for row in await view.ledger.of(order_id)] == ["settlement", "refund"]
        events = [event for event in await view.orders.timeline(order_id) if event.what == "payment"]
    assert events[-1].note == "late"


async def test_w4_late_money_for_a_stored_answer_releases_it(world):
    quoted, header = await ask(world, "echo")
    await drained(world, quoted, header)
    await late(world, header)
    await world.work(10)
    answer = await world.buyer.present(quoted, header)
    assert (answer.status_code, answer.json()["text"]) == (200, "hello")
    order = await world.order(quoted.id)
    assert (order.fulfilment, order.money_back) == (FulfilmentState.RELEASED, MoneyBackState.NONE)
    assert (world.runs["echo"], world.settlements()) == (1, 1)


@pytest.mark.parametrize("slug", ["paid-first", "access-pass"], ids=["from the float", "from the delegate wallet"])
async def test_w4_late_money_for_a_failed_order_without_an_answer_goes_back(world, slug):
    quoted, header = await ask(world, slug)
    await drained(world, quoted, header)
    await late(world, header)
    await world.work(20)
    await assert_refunded_once(world, quoted.id)


async def test_w4_late_money_for_a_cancelled_order_goes_back(world):
    quoted, header = await cancelled(world)
    await late(world, header)
    await world.work(20)
    await assert_refunded_once(world, quoted.id)
    assert (await world.buyer.present(quoted, header)).status_code == 502


async def test_w4_late_money_for_an_expired_order_goes_back(world):
    def die(name, when):
        if (name, when) == ("ready", "begin"):
            raise ChainUnavailable("the process is gone")

    quoted, header = await ask(world, "echo")
    world.db.hooks.append(die)
    await world.buyer.present(quoted, header)
    world.db.hooks.clear()
    world.clock.advance(100)
    await late(world, header)
    world.clock.advance(60)
    await world.work(30)
    await assert_refunded_once(world, quoted.id)


async def why_blocked(world, order_id):
    """What the case of the blocked refund tells its operator; the buyer reads that the money is owed, and no more."""
    async with world.db.read() as view:
        (case,) = [one for one in await view.cases.of(order_id) if one.kind is CaseKind.REFUND_BLOCKED]
    return case.detail


async def test_w4_late_money_without_a_float_is_blocked_and_a_liability(world):
    world.paddock.floats.clear()
    quoted, header = await cancelled(world)
    await late(world, header)
    await world.work(20)
    order = await world.order(quoted.id)
    assert (order.payment, order.money_back) == (PaymentState.SETTLED, MoneyBackState.BLOCKED)
    assert "no refund float" in await why_blocked(world, quoted.id)


async def test_w4_an_empty_float_blocks_the_refund_and_says_so(world):
    world.chain.state.money[world.paddock.floats["paddock"].address] = 0
    quoted, header = await cancelled(world)
    await late(world, header)
    await world.work(20)
    order = await world.order(quoted.id)
    assert order.money_back is MoneyBackState.BLOCKED
    assert "ERC20InsufficientBalance" in await why_blocked(world, quoted.id)


async def test_w4_two_looks_at_once_take_late_money_once(world):
    quoted, header = await cancelled(world)
    await late(world, header)
    looks = await asyncio.gather(*(follow(world.paddock, quoted.id) for _ in range(4)), return_exceptions=True)
    assert None in looks
    await world.work(20)
    await assert_refunded_once(world, quoted.id)


async def test_w4_a_cancelled_authorization_is_watched_no_longer_than_it_can_be_used(world):
    quoted, _ = await cancelled(world)
    assert await follow(world.paddock, quoted.id) is not None
    world.clock.advance(200)
    await world.work(10)
    assert await follow(world.paddock, quoted.id) is None
    async with world.db.read() as view:
        assert await view.outbox.waiting() == 0
