"""W4: what comes by plain transfers, whatever the amount, the moment and the number; exact state, ledger and refund."""

import asyncio
from typing import cast

import pytest

from server.application.cancel import cancel
from server.application.refund import refund
from server.application.refund_by_hand import refund_by_hand
from server.application.watch_transfers import watch_transfers
from server.domain.cases import CaseKind
from server.domain.errors import RefundRefused
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from tests.simulation.transfer_world import PRICE, open_transfers
from tests.simulation.world import WorldBuyer, service

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


async def lose_newest(market, order_id, *, deeper=0, keep=False):
    """A reorganisation that replaces the block of the order's newest Transfer, and so many below it."""
    chain, order = market.world.chain, await market.stored(order_id)
    chain.reorganise(len(chain.blocks) - order.settlement_block + deeper, keep=keep)


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


class TestRefunds:
    async def test_w4_a_handler_that_fails_after_the_money_gives_all_of_it_back(self):
        def fail(_arguments, _context):
            raise RuntimeError("broken")

        async with open_transfers(service("broken", fail)) as market:
            order_id = await market.order("broken")
            await market.send(PRICE + 5)
            await market.world.work(30)
            assert await stands(market, order_id) == (P.SETTLED, F.FAILED, M.REFUNDED)
            assert await market.returned() == [PRICE + 5]

    async def test_w4_what_was_kept_goes_back_when_it_is_asked_for_and_only_once(self, market):
        order_id = await market.order()
        await market.send(PRICE + 7)
        await market.world.work(30)
        await refund_by_hand(market.world.paddock, order_id)
        await market.world.work(30)
        assert await market.returned() == [7, PRICE]
        with pytest.raises(RefundRefused):
            await refund_by_hand(market.world.paddock, order_id)
        await market.world.work(30)
        assert await market.returned() == [7, PRICE]

    async def test_w4_a_refund_job_that_is_done_many_times_sends_once(self, market):
        order_id = await market.order()
        await market.send(PRICE + 7)
        for _ in range(60):
            await market.world.work(0.5)
            outcomes = [refund(market.world.paddock, order_id) for _ in range(5)]
            await asyncio.gather(*outcomes, return_exceptions=True)
        assert await market.returned() == [7]

    async def test_w4_cancelling_a_partly_paid_order_gives_back_what_came(self, market):
        order_id = await market.order()
        await market.send(4_000)
        await market.world.work(5)
        await cancel(market.world.paddock, order_id, "changed my mind")
        await market.world.work(30)
        assert await stands(market, order_id) == (P.SETTLED, F.FAILED, M.REFUNDED)
        assert await market.returned() == [4_000]

    async def test_f23_a_refund_that_the_token_refuses_is_blocked_stays_owed_and_is_paid_once_when_asked_again(
        self, market
    ):
        order_id = await market.order()
        await market.send(PRICE + 7)
        market.world.chain.state.blacklist.add(market.world.buyer.account.address)
        await market.world.work(30)
        order = await market.stored(order_id)
        assert (order.fulfilment, order.money_back, order.due_back) == (F.RELEASED, M.BLOCKED, 7)
        assert [case.order_id for case in await cases(market, CaseKind.REFUND_BLOCKED)] == [order_id]
        assert "None" not in (order.failure or "")
        market.world.chain.state.blacklist.clear()
        await refund_by_hand(market.world.paddock, order_id, retry=True)
        await market.world.work(30)
        assert (await stands(market, order_id), await market.returned()) == ((P.SETTLED, F.RELEASED, M.REFUNDED), [7])

    async def test_f23_without_a_refund_float_what_came_stays_a_liability(self):
        async with open_transfers() as market:
            cast(dict, market.world.paddock.floats).clear()
            order_id = await market.order()
            await market.send(4_000)
            await expire(market)
            order = await market.stored(order_id)
            assert (order.money_back, order.due_back, order.owes) == (M.BLOCKED, 4_000, True)
            assert [case.order_id for case in await cases(market, CaseKind.REFUND_BLOCKED)] == [order_id]


class TestNotOurs:
    async def test_w4_an_x402_payment_of_the_same_payer_and_amount_pays_no_order_by_transfer(self, market):
        order_id = await market.order()
        answer = await market.world.buyer.buy(market.world.url("echo"))
        assert answer.status_code == 200
        await market.world.work(20)
        assert await stands(market, order_id) == (P.CREATED, F.NONE, M.NONE)
        assert await market.rows(order_id) == []
        assert await cases(market, CaseKind.UNTRACKED_TRANSFER) == []

    async def test_w4_an_authorization_that_a_stranger_hands_in_first_pays_its_x402_order(self, market):
        order_id = await market.order()
        world = market.world
        quoted = await world.buyer.ask(world.url("echo"))
        header = world.buyer.pay(quoted)
        await world.submit_as_stranger(header)
        world.foreign.clear()
        await world.work(5)
        assert (await market.stored(order_id)).received == 0
        world.foreign |= {mined.transaction for block in world.chain.blocks for mined in block.mined}

    async def test_w4_transfers_of_nothing_are_nothing(self, market):
        order_id = await market.order()
        market.world.foreign.add(await market.send(0))
        await market.world.work(10)
        assert (await stands(market, order_id), await market.rows(order_id)) == ((P.CREATED, F.NONE, M.NONE), [])


class TestF17:
    """A reorganisation takes transfers back."""

    @pytest.mark.parametrize("depth", [0, 1, 2, 5])
    async def test_f17_a_transfer_that_stands_in_another_block_is_booked_anew_and_paid_for_once(self, market, depth):
        order_id = await market.order()
        await market.send(PRICE)
        await market.world.work(2)
        await lose_newest(market, order_id, deeper=depth, keep=True)
        await market.world.work(40)
        assert await market.rows(order_id) == [
            ("settlement", PRICE, False),
            ("settlement", PRICE, True),
            ("settlement", PRICE, False),
        ]
        assert await stands(market, order_id) == (P.SETTLED, F.RELEASED, M.NONE)
        order = await market.stored(order_id)
        assert (order.received, order.due_back) == (PRICE, 0)
        assert market.world.runs["echo"] == 1
        assert await market.returned() == []

    async def test_f17_a_transfer_that_is_gone_before_the_handler_ran_is_waited_for_again(self, market):
        order_id = await market.order()
        await market.send(4_000)
        await market.world.work(1.5)
        assert (await market.stored(order_id)).received == 4_000
        await lose_newest(market, order_id)
        await market.world.work(5)
        order = await market.stored(order_id)
        assert (order.payment, order.received) == (P.CREATED, 0)
        assert await market.rows(order_id) == [("settlement", 4_000, False), ("settlement", 4_000, True)]
        await market.send(PRICE)
        await market.world.work(20)
        assert await stands(market, order_id) == (P.SETTLED, F.RELEASED, M.NONE)
        assert await market.returned() == []

    async def test_f17_what_was_delivered_and_is_not_paid_again_in_time_is_a_debt_with_a_revoked_receipt(self, market):
        order_id = await market.order()
        await market.send(PRICE)
        await market.world.work(2)
        assert (await market.stored(order_id)).fulfilment is F.RELEASED
        await lose_newest(market, order_id)
        await market.world.work(5)
        order = await market.stored(order_id)
        assert (order.payment, order.fulfilment, order.received) == (P.CREATED, F.RELEASED, 0)
        assert [case.order_id for case in await cases(market, CaseKind.REVERSED)] == [order_id]
        await expire(market)
        assert await stands(market, order_id) == (P.EXPIRED, F.RELEASED, M.NONE)
        assert "reorganisation" in ((await market.stored(order_id)).failure or "")

    async def test_f17_what_is_due_back_is_not_sent_before_it_is_final(self, market):
        market.world.chain.finality = 20
        order_id = await market.order()
        await market.send(PRICE)
        await market.world.work(2)
        paid_in = (await market.stored(order_id)).settlement_tx
        await market.send(PRICE)
        await market.world.work(4)
        assert (await market.stored(order_id)).money_back is M.DUE
        await lose_newest(market, order_id)
        await market.world.work(5)
        order = await market.stored(order_id)
        assert (order.received, order.money_back, order.settlement_tx) == (PRICE, M.NONE, paid_in)
        await market.world.work(60)
        assert await market.returned() == []

    async def test_f17_a_refund_that_a_reorganisation_takes_away_goes_out_again(self, market):
        order_id = await market.order()
        await market.send(PRICE + 7)
        while (await market.stored(order_id)).money_back is not M.REFUNDED:
            await market.world.work(0.5)
        market.world.chain.reorganise(1)
        await market.world.work(30)
        assert await stands(market, order_id) == (P.SETTLED, F.RELEASED, M.REFUNDED)
        assert await market.returned() == [7]
        order = await market.stored(order_id)
        assert (order.returned, order.refunds) == (7, 1)


class TestW1:
    """The watcher dies anywhere."""

    @pytest.mark.parametrize("when", ["begin", "commit", "committed"])
    async def test_w1_a_watcher_that_dies_while_it_writes_leaves_nothing_out_and_takes_nothing_twice(
        self, market, when
    ):
        order_id = await market.order()
        await market.send(4_000)
        died = []

        def die(name, moment):
            if name == "transfers taken" and moment == when and len(died) < 3:
                died.append(moment)
                raise RuntimeError("killed")

        market.world.db.hooks.append(die)
        await market.world.work(20)
        await market.send(6_000)
        await market.world.work(20)
        assert len(died) == 3
        assert await stands(market, order_id) == (P.SETTLED, F.RELEASED, M.NONE)
        rows = [("settlement", 4_000, False), ("settlement", 6_000, False)]
        assert await market.rows(order_id) == rows

    async def test_w1_after_a_long_stop_the_watcher_goes_on_where_it_was_in_steps(self, market, monkeypatch):
        monkeypatch.setattr("server.application.watch_transfers.MOST_BLOCKS", 3)
        order_id = await market.order()
        for amount in (4_000, 6_000):
            await market.send(amount)
            market.world.chain.mine(10)
        asked = []
        transfers = market.world.chain.transfers

        async def counted(asset, address, from_block=0, to_block=None):
            asked.append((from_block, to_block))
            return await transfers(asset, address, from_block, to_block)

        market.world.chain.transfers = counted
        await market.world.work(20)
        assert await stands(market, order_id) == (P.SETTLED, F.RELEASED, M.NONE)
        ranges = sorted({one for one in asked if one[1] is not None and one[0] != one[1]})
        assert all(last - first < 3 for first, last in ranges)

    async def test_f18_a_chain_that_is_away_or_lags_stops_nothing_for_good(self, market):
        order_id = await market.order()
        await market.send(PRICE)
        market.world.chain.unavailable = True
        await market.world.work(10)
        market.world.chain.unavailable, market.world.chain.lag = False, 5
        await market.world.work(10)
        market.world.chain.lag = 0
        await market.world.work(90)
        assert await stands(market, order_id) == (P.SETTLED, F.RELEASED, M.NONE)

    async def test_w4_many_watchers_at_once_book_once(self, market):
        order_id = await market.order()
        await market.send(PRICE)
        market.world.clock.advance(3)
        watched = [watch_transfers(market.world.paddock, "eip155:31337") for _ in range(10)]
        await asyncio.gather(*watched, return_exceptions=True)
        await market.world.work(10)
        assert await market.rows(order_id) == [("settlement", PRICE, False)]
