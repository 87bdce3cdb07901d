"""W4: what comes by plain transfers, whatever the amount, the moment and the number; exact state, ledger and refund."""

import pytest

from server.domain.cases import CaseKind
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from tests.simulation.transfer_world import PRICE, open_transfers
from tests.simulation.world import WorldBuyer

P, F, M = PaymentState, FulfilmentState, MoneyBackState
LATE = 16 * 60


@pytest.fixture
async def market():
    async with open_transfers() as opened:
        yield opened


async def stands(market, order_id):
    order = await market.stored(order_id)
    return order.payment, order.fulfilment, order.money_back


async def cases(market, kind):
    async with market.world.db.read() as view:
        return await view.cases.listed(100, kind=kind)


async def expire(market):
    """Virtual time beyond an order's life, with the workers at work at its end."""
    market.world.clock.advance(LATE)
    await market.world.work(30)


class TestExact:
    async def test_w4_an_exact_transfer_is_delivered_and_its_payer_alone_reads_the_answer(self, market):
        order_id = await market.order()
        assert await stands(market, order_id) == (P.CREATED, F.NONE, M.NONE)
        await market.world.work(10)
        assert market.world.runs["echo"] == 0, "nothing runs before the money is there"
        await market.send(PRICE)
        await market.world.work(20)
        assert await stands(market, order_id) == (P.SETTLED, F.RELEASED, M.NONE)
        assert await market.rows(order_id) == [("settlement", PRICE, False)]
        assert (await market.answer(order_id)).json()["text"] == "hi"
        assert (await market.world.client.get(f"/api/orders/{order_id}/delivery")).status_code == 404

    async def test_w4_transfers_go_to_open_orders_in_the_order_of_their_creation(self, market):
        first = await market.order()
        await market.world.work(1)
        second = await market.order()
        await market.send(PRICE)
        await market.world.work(10)
        assert (await stands(market, first), await stands(market, second)) == (
            (P.SETTLED, F.RELEASED, M.NONE),
            (P.CREATED, F.NONE, M.NONE),
        )
        await market.send(PRICE)
        await market.world.work(10)
        assert await stands(market, second) == (P.SETTLED, F.RELEASED, M.NONE)

    async def test_w4_an_amount_that_completes_one_order_is_not_taken_by_an_older_one(self, market):
        cheap = await market.order()
        await market.world.work(1)
        dear = await market.order("echo-dear")
        await market.send(5 * PRICE)
        await market.world.work(10)
        assert (await market.stored(cheap)).payment is P.CREATED
        assert await stands(market, dear) == (P.SETTLED, F.RELEASED, M.NONE)


class TestW4:
    async def test_w4_a_partial_transfer_is_noted_and_goes_back_when_the_time_is_over(self, market):
        order_id = await market.order()
        await market.send(4_000)
        await market.world.work(10)
        assert await stands(market, order_id) == (P.CREATED, F.NONE, M.NONE)
        assert (await market.world.client.get(f"/api/orders/{order_id}")).json()["received"] == "4000"
        await expire(market)
        assert await stands(market, order_id) == (P.SETTLED, F.FAILED, M.REFUNDED)
        assert await market.rows(order_id) == [("settlement", 4_000, False), ("refund", 4_000, False)]
        assert await market.returned() == [4_000]
        assert market.world.runs["echo"] == 0

    async def test_w4_nothing_came_in_time_the_order_expires(self, market):
        order_id = await market.order()
        await expire(market)
        assert await stands(market, order_id) == (P.EXPIRED, F.NONE, M.NONE)
        assert await market.rows(order_id) == []

    async def test_w4_two_partial_transfers_that_sum_up_are_delivered(self, market):
        order_id = await market.order()
        for amount in (4_000, 6_000):
            await market.send(amount)
            await market.world.work(5)
        assert await stands(market, order_id) == (P.SETTLED, F.RELEASED, M.NONE)
        assert await market.rows(order_id) == [("settlement", 4_000, False), ("settlement", 6_000, False)]
        assert market.world.runs["echo"] == 1

    async def test_w4_two_transfers_of_a_split_in_one_block_are_delivered(self, market):
        order_id = await market.order()
        market.world.chain.automine = False
        await market.send(4_000)
        await market.send(6_000)
        market.world.chain.mine()
        market.world.chain.automine = True
        await market.world.work(10)
        assert await stands(market, order_id) == (P.SETTLED, F.RELEASED, M.NONE)

    async def test_w4_of_too_much_the_excess_goes_back_after_the_delivery(self, market):
        order_id = await market.order()
        await market.send(PRICE + 7)
        await market.world.work(30)
        assert await stands(market, order_id) == (P.SETTLED, F.RELEASED, M.REFUNDED)
        assert await market.rows(order_id) == [("settlement", PRICE + 7, False), ("refund", 7, False)]
        assert await market.returned() == [7]

    async def test_w4_a_late_transfer_goes_back(self, market):
        order_id = await market.order()
        await expire(market)
        await market.send(PRICE)
        await market.world.work(30)
        assert await stands(market, order_id) == (P.SETTLED, F.FAILED, M.REFUNDED)
        assert await market.rows(order_id) == [("settlement", PRICE, False), ("refund", PRICE, False)]
        assert await market.returned() == [PRICE]
        assert market.world.runs["echo"] == 0

    async def test_w4_a_transfer_of_a_block_before_the_end_is_in_time_however_late_it_is_seen(self, market):
        order_id = await market.order()
        await market.send(PRICE)
        await expire(market)
        assert await stands(market, order_id) == (P.SETTLED, F.RELEASED, M.NONE)

    async def test_w4_a_second_transfer_goes_back_whole_each_time(self, market):
        order_id = await market.order()
        for amount in (PRICE, PRICE, 3):
            await market.send(amount)
            await market.world.work(30)
        assert await stands(market, order_id) == (P.SETTLED, F.RELEASED, M.REFUNDED)
        assert await market.returned() == [PRICE, 3]
        assert (await market.stored(order_id)).returned == PRICE + 3
        assert market.world.runs["echo"] == 1

    async def test_w4_a_transfer_while_a_refund_is_on_its_way_goes_back_after_it(self, market):
        order_id = await market.order()
        await market.send(PRICE + 7)
        while (await market.stored(order_id)).money_back is not M.SENDING:
            market.world.chain.automine = (await market.stored(order_id)).money_back is M.NONE
            await market.world.work(0.5)
        market.world.chain.automine = True
        await market.send(PRICE)
        await market.world.work(30)
        assert await market.returned() == [7, PRICE]
        assert (await market.stored(order_id)).refunds == 2

    async def test_w4_money_from_a_sender_that_no_order_knows_is_a_case_and_nothing_is_sent(self, market):
        stranger = WorldBuyer(market.world.client, clock=market.world.clock)
        market.world.chain.give(stranger.account.address, PRICE)
        await market.order()
        market.world.foreign.add(await market.send(PRICE, stranger))
        await market.world.work(30)
        (case,) = await cases(market, CaseKind.UNTRACKED_TRANSFER)
        assert stranger.account.address in case.detail
        assert (case.merchant, case.order_id) == ("paddock", None)
        assert await market.returned(stranger) == []
