"""F17 in the middle of things: what was paid for is not done while the payment is off the chain."""

import asyncio

import pytest

from server.application.execute import execute
from server.application.follow import follow
from server.application.perform import perform
from server.application.refund import refund
from server.domain.sending import TransactionState
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.services.service import Fulfilment
from tests.fakes.evm import TOKEN
from tests.simulation.test_reorganised import FINALITY, buy, depth_of, revoked, rows_of
from tests.simulation.world import RICH, open_world, service


@pytest.fixture
async def world():
    async with open_world(finality=FINALITY) as opened:
        yield opened


async def until(world, quoted, **columns):
    """Wait, without working, until the order's columns are these."""
    while True:
        async with world.db.read() as view:
            order = await view.orders.get(quoted.id)
        if order and all(getattr(order, name) is state for name, state in columns.items()):
            return order
        await world.clock.sleep(0.05)


async def settled_and_taken_back(world, slug, work):
    """An order whose settlement left the chain, and will not come back: (its quote, the buyer's waiting request).

    `work` brings it on before that.
    """
    quoted = await world.buyer.ask(world.url(slug), *(("POST", {}) if slug.endswith("pass") else ()))
    answer = asyncio.create_task(world.buyer.present(quoted, world.buyer.pay(quoted)))
    await until(world, quoted, payment=PaymentState.SETTLED)
    await work(quoted)
    world.chain.drop_next = 10**6
    world.chain.reorganise(depth_of(world, (await world.order(quoted.id)).settlement_block))
    for _ in range(100):
        if (await world.order(quoted.id)).payment is PaymentState.IN_DOUBT:
            break
        await follow_alone(world, quoted)
    return quoted, answer


async def follow_alone(world, quoted):
    """The jobs that watch, and none that acts on what was paid."""
    await follow(world.paddock, quoted.id)
    await world.clock.sleep(0.5)


async def nothing(_quoted):
    """Not yet."""


def sent(world, purpose):
    return [one for one in world.db.tables.transactions.values() if one.purpose == purpose]


async def test_f17_no_payout_is_signed_while_the_payment_is_off_the_chain(world):
    """The delegate wallet holds other people's money too."""
    world.chain.give(world.paddock.market.delegate, RICH)
    quoted, answer = await settled_and_taken_back(world, "access-pass", nothing)
    await execute(world.paddock, quoted.id)
    assert sent(world, "callback") == []
    await world.work(250)
    await answer
    order = await world.order(quoted.id)
    assert (order.payment, order.fulfilment) == (PaymentState.FAILED, FulfilmentState.FAILED)
    assert order.ended
    assert (sent(world, "callback"), world.chain.state.minted) == ([], {})
    world.chain.state.money[world.paddock.market.delegate] -= RICH


async def test_f17_no_payout_is_signed_before_anybody_noticed_that_the_payment_is_gone(world):
    world.chain.give(world.paddock.market.delegate, RICH)
    quoted = await world.buyer.ask(world.url("access-pass"), "POST", {})
    answer = asyncio.create_task(world.buyer.present(quoted, world.buyer.pay(quoted)))
    order = await until(world, quoted, fulfilment=FulfilmentState.EXECUTING)
    world.chain.drop_next = 10**6
    world.chain.reorganise(depth_of(world, order.settlement_block))
    assert await execute(world.paddock, quoted.id) is not None
    assert sent(world, "callback") == []
    world.chain.drop_next = 0
    await world.work(30)
    await answer
    assert (await world.order(quoted.id)).fulfilment is FulfilmentState.RELEASED
    world.chain.state.money[world.paddock.market.delegate] -= RICH


async def test_f17_a_callback_that_others_money_paid_releases_nothing_until_the_payment_is_back(world):
    world.chain.give(world.paddock.market.delegate, RICH)

    async def send_callback(quoted):
        world.chain.automine, world.chain.block_seconds = False, 10**6
        await execute(world.paddock, quoted.id)

    quoted, answer = await settled_and_taken_back(world, "access-pass", send_callback)
    world.chain.mine()
    assert world.chain.state.minted
    await execute(world.paddock, quoted.id)
    assert (await world.order(quoted.id)).fulfilment is FulfilmentState.EXECUTING
    world.chain.automine, world.chain.block_seconds, world.chain.drop_next = True, 1, 0
    await world.work(30)
    await answer
    assert (await world.order(quoted.id)).fulfilment is FulfilmentState.RELEASED
    world.chain.state.money[world.paddock.market.delegate] -= RICH


async def test_f17_a_failed_callback_that_was_taken_back_holds_up_no_later_nonce(world):
    """Its order has nothing more to do with it, so only the resend job knows of it."""
    quotes = [await world.buyer.ask(world.url("launch-pass"), "POST", {}) for _ in range(2)]
    headers = [world.buyer.pay(quoted) for quoted in quotes]
    answers = [asyncio.create_task(world.buyer.present(*two)) for two in zip(quotes, headers, strict=True)]
    for quoted in quotes:
        await until(world, quoted, fulfilment=FulfilmentState.EXECUTING)
    world.chain.automine = False
    for quoted in quotes:
        await execute(world.paddock, quoted.id)
    world.chain.automine = True
    height = len(world.chain.blocks)
    world.chain.mine()
    await world.work(5)
    assert sorted([(await answer).status_code for answer in answers]) == [200, 502]
    world.chain.reorganise(depth_of(world, height))
    await world.work(30)
    orders = [await world.order(quoted.id) for quoted in quotes]
    assert sorted(order.money_back for order in orders) == [MoneyBackState.NONE, MoneyBackState.REFUNDED]
    own = [one for one in world.db.tables.transactions.values() if one.sender == world.paddock.delegate.address]
    assert {one.state for one in own} == {TransactionState.SUCCEEDED, TransactionState.REVERTED}


async def test_f17_the_payout_goes_on_when_the_payment_is_back(world):
    quoted, answer = await settled_and_taken_back(world, "access-pass", nothing)
    await execute(world.paddock, quoted.id)
    world.chain.drop_next = 0
    await world.work(20)
    await answer
    assert (await world.order(quoted.id)).fulfilment is FulfilmentState.RELEASED


async def test_f17_no_refund_is_sent_while_the_payment_is_off_the_chain(world):
    await buy(world, "launch-pass")  # the last one

    async def fail(quoted):
        await execute(world.paddock, quoted.id)
        assert (await world.order(quoted.id)).money_back is MoneyBackState.DUE

    world.chain.give(world.paddock.market.delegate, RICH)
    quoted, answer = await settled_and_taken_back(world, "launch-pass", fail)
    await refund(world.paddock, quoted.id)
    await world.work(250)
    await answer
    assert sent(world, "refund") == []
    order = await world.order(quoted.id)
    assert (order.payment, order.money_back) == (PaymentState.FAILED, MoneyBackState.NONE)
    assert order.ended
    assert await world.chain.token_balance(TOKEN, world.buyer.account.address) == RICH - 2_500_000
    world.chain.state.money[world.paddock.market.delegate] -= RICH


async def test_f17_the_refund_goes_on_when_the_payment_is_back(world):
    await buy(world, "launch-pass")

    async def fail(quoted):
        await execute(world.paddock, quoted.id)

    quoted, answer = await settled_and_taken_back(world, "launch-pass", fail)
    await refund(world.paddock, quoted.id)
    world.chain.drop_next = 0
    await world.work(20)
    await answer
    assert (await world.order(quoted.id)).money_back is MoneyBackState.REFUNDED


async def test_f17_g6_a_handler_that_was_running_is_not_run_again_and_its_buyer_has_the_money_back():
    runs = []

    async def slow(_arguments, _context):
        runs.append(1)
        await world.clock.sleep(6)
        return "done"

    paid_first = service("paid-first", slow, fulfilment=Fulfilment.AFTER_SETTLEMENT)
    async with open_world(paid_first, finality=FINALITY) as world:
        world.chain.give(world.paddock.floats["paddock"].address, RICH)
        jobs = []

        async def start(quoted):
            jobs.append(asyncio.create_task(perform(world.paddock, quoted.id)))
            await until(world, quoted, fulfilment=FulfilmentState.RUNNING)

        quoted, answer = await settled_and_taken_back(world, "paid-first", start)
        await asyncio.gather(*jobs, return_exceptions=True)
        world.chain.drop_next = 0
        await world.work(60)
        await answer
        order = await world.order(quoted.id)
        assert (order.payment, order.money_back) == (PaymentState.SETTLED, MoneyBackState.REFUNDED)
        assert runs == [1]


async def test_f17_a_callback_that_fails_on_the_new_chain_is_refunded_and_its_receipt_revoked(world):
    quoted, _ = await buy(world, "launch-pass")
    (payout,) = (row for row in await rows_of(world, quoted.id) if row.kind == "payout")
    world.chain.reorganise(depth_of(world, payout.block))
    for block in world.chain.blocks[payout.block :]:  # on the new chain somebody else has the last one
        block.state.minted[world.paddock.market.contracts["LaunchPass"].address] = 1
    await world.work(30)
    order = await world.order(quoted.id)
    assert (order.fulfilment, order.money_back) == (FulfilmentState.FAILED, MoneyBackState.REFUNDED)
    assert await revoked(world, quoted.id)
    assert await world.chain.token_balance(TOKEN, world.buyer.account.address) == RICH


async def test_f6_f17_a_strangers_settlement_that_was_taken_back_is_made_by_us():
    signed = []

    async def front_run(_arguments, _context):
        await world.submit_as_stranger(signed[0])
        return "done"

    async with open_world(service("slow", front_run), finality=FINALITY) as world:
        quoted = await world.buyer.ask(world.url("slow"))
        signed.append(world.buyer.pay(quoted))
        assert (await world.buyer.present(quoted, signed[0])).status_code == 200
        order = await world.order(quoted.id)
        assert {order.settlement_tx} == world.foreign
        world.chain.reorganise(depth_of(world, order.settlement_block))
        await world.work(30)
        order = await world.order(quoted.id)
        assert (order.payment, order.round, world.settlements()) == (PaymentState.SETTLED, 1, 1)
        assert order.settlement_tx in {one.hash for one in sent(world, "settle")}
        async with world.db.read() as view:
            signed, _ = await view.receipts.get(quoted.id)
        assert signed.receipt.transaction == order.settlement_tx
        world.foreign.clear()
