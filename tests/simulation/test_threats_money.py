"""Threats to settlement, callbacks, refunds and workers, each by its id, on virtual time."""

import asyncio

import pytest

from protocol.wire import SettleResponse
from server.application.cancel import cancel
from server.application.execute import execute
from server.application.reconcile import reconcile
from server.application.refund import refund
from server.domain.errors import PaymentConflict
from server.domain.outages import ChainUnavailable
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from tests.simulation.world import TOKEN, open_world, refuse, service
from tests.stack.buyer import read_header


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


async def buy(world, service, method="POST", body=None):
    """One purchase with workers running; the quote and the answer."""
    quoted = await world.buyer.ask(world.url(service), method, body if method == "POST" else None)
    async with world.workers():
        return quoted, await world.buyer.present(quoted, world.buyer.pay(quoted))


async def test_a_delegate_purchase_mints_and_is_delivered(world):
    quoted, answer = await buy(world, "access-pass", body={})
    assert answer.status_code == 200
    assert answer.json()["holder"] == world.buyer.account.address
    order = await world.order(quoted.id)
    assert (order.payment, order.fulfilment) == (PaymentState.SETTLED, FulfilmentState.RELEASED)
    assert await reconcile(world.paddock) == []


async def test_a_failed_callback_is_refunded_once_and_the_answer_says_so(world):
    await buy(world, "launch-pass", body={})
    rich = await world.chain.token_balance(world.paddock.market.asset.address, world.buyer.account.address)
    quoted, answer = await buy(world, "launch-pass", body={})
    assert answer.status_code == 502
    assert "SoldOut" in answer.json()["detail"]
    assert read_header(answer.headers["payment-response"])["success"] is True
    await world.work(30)
    order = await world.order(quoted.id)
    assert order.money_back is MoneyBackState.REFUNDED
    now = await world.chain.token_balance(world.paddock.market.asset.address, world.buyer.account.address)
    assert now == rich
    assert await reconcile(world.paddock) == []


async def test_without_workers_the_request_waits_half_a_minute_and_then_answers_202(world):
    quoted = await world.buyer.ask(world.url("access-pass"), "POST", {})
    header = world.buyer.pay(quoted)
    began = world.clock.now()
    answer = await world.buyer.present(quoted, header)
    assert answer.status_code == 202
    assert answer.headers["location"] == quoted.entry["extra"]["statusUrl"]
    assert 29 < (world.clock.now() - began).total_seconds() < 40
    await world.work(10)
    assert (await world.buyer.present(quoted, header)).status_code == 200
    assert world.settlements() == 1


@pytest.mark.parametrize("trouble", ["drained", "paused"])
async def test_s7_money_gone_between_verify_and_settle_releases_nothing(world, trouble):
    quoted = await world.buyer.ask(world.url("echo"))
    asset, payer = world.paddock.market.asset.address, world.buyer.account.address

    def meddle(name, when):
        if (name, when) == ("ready", "committed"):
            world.chain.state.money[payer] = 0

    world.db.hooks.append(meddle)
    answer = await world.buyer.present(quoted, world.buyer.pay(quoted))
    assert answer.status_code == 402
    assert b"hello" not in answer.content
    assert read_header(answer.headers["payment-response"])["success"] is False
    order = await world.order(quoted.id)
    assert (order.payment, order.fulfilment) == (PaymentState.FAILED, FulfilmentState.FAILED)
    assert await world.chain.token_balance(asset, payer) == 0


class Liar:
    """A facilitator that says whatever the test wants."""

    def __init__(self, honest, lie):
        self.honest, self.lie = honest, lie

    async def verify(self, payload, requirements):
        return await self.honest.verify(payload, requirements)

    async def settle(self, payload, requirements):
        return self.lie


@pytest.mark.parametrize("transaction", ["", "0x" + "ab" * 32])
async def test_s8_a_facilitators_word_without_a_transfer_on_chain_releases_nothing(world, transaction):
    quoted = await world.buyer.ask(world.url("echo"))
    lie = SettleResponse(success=True, transaction=transaction, network=world.paddock.market.network)
    object.__setattr__(world.paddock, "facilitator", Liar(world.paddock.facilitator, lie))
    answer = await world.buyer.present(quoted, world.buyer.pay(quoted))
    assert answer.status_code == 503
    assert b"hello" not in answer.content
    assert (await world.order(quoted.id)).payment is PaymentState.IN_DOUBT


async def test_f14_a_slow_chain_means_503_with_the_order_and_later_the_answer(world):
    world.chain.automine, world.chain.block_seconds = False, 10_000
    quoted = await world.buyer.ask(world.url("echo"))
    header = world.buyer.pay(quoted)
    answer = await world.buyer.present(quoted, header)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.json()["order_id"] == quoted.id
    world.chain.mine()
    await world.work(30)
    again = await world.buyer.present(quoted, header)
    assert again.status_code == 200
    assert world.settlements() == world.runs["echo"] == 1


async def test_f18_an_unreachable_chain_means_503_and_the_same_payment_later_succeeds(world):
    quoted = await world.buyer.ask(world.url("echo"))
    header = world.buyer.pay(quoted)
    world.chain.unavailable = True
    down = await world.buyer.present(quoted, header)
    assert down.status_code == 503
    assert down.headers["retry-after"]
    world.chain.unavailable = False
    assert (await world.buyer.present(quoted, header)).status_code == 200


async def test_f6_a_strangers_submission_of_the_authorization_counts_as_the_payment():
    signed = []

    async def front_run(_arguments, _context):
        await world.submit_as_stranger(signed[0])
        return "done"

    async with open_world(service("slow", front_run)) as world:
        quoted = await world.buyer.ask(world.url("slow"))
        signed.append(world.buyer.pay(quoted))
        answer = await world.buyer.present(quoted, signed[0])
        assert (answer.status_code, answer.json()) == (200, "done")
        assert world.settlements() == 1
        order = await world.order(quoted.id)
        assert {order.settlement_tx} == world.foreign
        world.foreign.clear()  # the stranger's transaction is the order's own Transfer


class TestF24:
    """Payout and refund share one nonce: the token lets at most one of them happen."""

    async def stuck_callback(self, world):
        """An order whose callback was signed and broadcast, and whose transaction the network dropped."""
        quoted = await world.buyer.ask(world.url("access-pass"), "POST", {})
        answer = asyncio.create_task(world.buyer.present(quoted, world.buyer.pay(quoted)))
        while not await self.executing(world, quoted.id):
            await world.clock.sleep(0.05)
        world.chain.automine, world.chain.block_seconds = False, 10**6
        await execute(world.paddock, quoted.id)
        assert len(world.chain.pending) == 1
        return quoted, answer

    async def executing(self, world, order_id):
        async with world.db.read() as view:
            order = await view.orders.get(order_id)
        return order is not None and order.fulfilment is FulfilmentState.EXECUTING

    async def declare_failed(self, world, order_id):
        order = await world.order(order_id)
        order.failure = "declared failed by the test"
        order.fulfil(FulfilmentState.FAILED)
        order.give_back(MoneyBackState.DUE)
        async with world.db.begin("test") as work:
            await work.orders.save(order)

    async def test_f24_a_callback_that_is_mined_after_all_is_believed_and_nothing_is_refunded(self, world):
        quoted, answer = await self.stuck_callback(world)
        await self.declare_failed(world, quoted.id)
        await refund(world.paddock, quoted.id)
        assert len(world.chain.pending) == 2
        world.chain.mine(3)
        world.chain.automine, world.chain.block_seconds = True, 1
        await world.work(60)
        await answer
        order = await world.order(quoted.id)
        assert (order.fulfilment, order.money_back) == (FulfilmentState.RELEASED, MoneyBackState.NONE)
        assert await reconcile(world.paddock) == []
        assert world.chain.state.minted[world.paddock.market.contracts["AccessPass"].address] == 1

    async def test_f24_a_callback_that_was_dropped_does_not_hold_up_the_refund(self, world):
        quoted, answer = await self.stuck_callback(world)
        world.chain.pending.clear()
        await self.declare_failed(world, quoted.id)
        world.chain.automine, world.chain.block_seconds = True, 1
        await world.work(60)
        await answer
        order = await world.order(quoted.id)
        ended = {
            (FulfilmentState.RELEASED, MoneyBackState.NONE),
            (FulfilmentState.FAILED, MoneyBackState.REFUNDED),
        }
        assert (order.fulfilment, order.money_back) in ended
        assert world.chain.pending == {}
        assert await reconcile(world.paddock) == []

    async def test_f24_two_callbacks_for_the_last_pass_give_one_pass_and_one_refund(self, world):
        world.chain.automine = True
        quotes = [await world.buyer.ask(world.url("launch-pass"), "POST", {}) for _ in range(2)]
        headers = [world.buyer.pay(quoted) for quoted in quotes]
        answers = [asyncio.create_task(world.buyer.present(q, h)) for q, h in zip(quotes, headers, strict=True)]
        for quoted in quotes:
            while not await self.executing(world, quoted.id):
                await world.clock.sleep(0.05)
        world.chain.automine = False
        for quoted in quotes:
            await execute(world.paddock, quoted.id)
        assert len(world.chain.pending) == 2
        world.chain.automine = True
        world.chain.mine()
        await world.work(60)
        statuses = sorted([(await answer).status_code for answer in answers])
        assert statuses == [200, 502]
        orders = await world.orders()
        assert sorted(order.money_back for order in orders) == [MoneyBackState.NONE, MoneyBackState.REFUNDED]
        assert world.chain.state.minted[world.paddock.market.contracts["LaunchPass"].address] == 1
        assert await reconcile(world.paddock) == []


class TestW5:
    """Cancel and pay race: one wins."""

    async def test_w5_a_cancelled_order_is_not_paid_and_a_paid_one_is_not_cancelled(self, world):
        quoted = await world.buyer.ask(world.url("echo"))
        answer = await world.buyer.present(quoted, world.buyer.pay(quoted))
        assert answer.status_code == 200
        with pytest.raises(PaymentConflict):
            await cancel(world.paddock, quoted.id, "too late")

    @pytest.mark.parametrize("moment", ["claim", "ready", "settlement admitted", "settlement signed", "settled"])
    async def test_w5_a_cancel_at_any_moment_of_a_purchase_lets_one_of_them_win(self, world, moment):
        quoted = await world.buyer.ask(world.url("echo"))
        header = world.buyer.pay(quoted)
        races = []

        def race(name, when):
            if (name, when) == (moment, "committed") and not races:
                races.append(asyncio.create_task(cancel(world.paddock, quoted.id, "raced")))

        world.db.hooks.append(race)
        answer = await world.buyer.present(quoted, header)
        outcome = (await asyncio.gather(*races, return_exceptions=True))[0]
        order = await world.order(quoted.id)
        if isinstance(outcome, PaymentConflict):
            assert (answer.status_code, order.payment) == (200, PaymentState.SETTLED)
            assert world.settlements() == 1
        else:
            assert order.payment is PaymentState.CANCELLED
            assert answer.status_code == 409
            assert world.settlements() == 0

    async def test_w5_an_order_whose_handler_failed_can_be_cancelled_and_is_not_paid_afterwards(self):
        async with open_world(service("refusing", refuse(422))) as world:
            quoted = await world.buyer.ask(world.url("refusing"))
            header = world.buyer.pay(quoted)
            await world.buyer.present(quoted, header)
            path, operator = f"/api/orders/{quoted.id}/cancel", {"Authorization": f"Bearer {TOKEN}"}
            assert (await world.client.post(path)).status_code == 404
            assert (await world.client.post(path, headers=operator)).json()["status"] == "cancelled"
            assert (await world.buyer.present(quoted, header)).status_code == 409
            assert world.settlements() == 0


async def test_w1_an_abandoned_order_expires_when_its_authorization_can_no_longer_be_used(world):
    def die(name, when):
        if (name, when) == ("ready", "begin"):
            raise ChainUnavailable("the process is gone")

    quoted = await world.buyer.ask(world.url("echo"))
    world.db.hooks.append(die)
    await world.buyer.present(quoted, world.buyer.pay(quoted))
    world.db.hooks.clear()
    world.clock.advance(300)
    await world.work(5)
    assert (await world.order(quoted.id)).payment is PaymentState.EXPIRED
    assert world.settlements() == 0
