"""What a callback keeps is told of on the order's timeline: when it came, while it waits, and how it ended."""

from datetime import timedelta

import pytest

from server.application.hold import LOOK_EVERY, RELEASE, TELL_EVERY, hold
from server.application.reconcile import RANGE
from server.domain.errors import InternalError
from server.domain.evidence import DEEPEST_REORG
from server.domain.outages import ChainUnavailable
from server.domain.states import FulfilmentState, MoneyBackState
from server.services.service import Answer
from tests.fakes.escrow import ESCROW
from tests.fakes.paddocks import jobs, stored
from tests.unit.hold_samples import (
    CONTRACT,
    ENDED,
    ENDING,
    MARKET,
    OVER,
    PAID,
    PAYER,
    PRICE,
    TAKEN,
    TAKING,
    TASK,
    Chain,
    begun,
    given_back,
    made,
    mined,
    released,
    signed_for,
    taken,
)

F, M = FulfilmentState, MoneyBackState


async def done(_arguments, _context):
    return Answer(b"done", "text/plain")


async def unavailable(_arguments, _context):
    raise ChainUnavailable("the node does not answer")


async def step(paddock, order, taking=None):
    found = await stored(paddock, order)
    return await hold(paddock, found, paddock.services[TASK.slug], CONTRACT, taking or taken(order))


async def told(paddock, order, what):
    async with paddock.db.read() as view:
        lines = await view.orders.timeline(order.id)
    return [(line.new, line.note) for line in lines if line.what == what]


async def delivery(paddock, order):
    async with paddock.db.read() as view:
        found = await view.deliveries.get(order.id)
    return found and found.body


async def rows(paddock, order):
    async with paddock.db.read() as view:
        return await view.ledger.of(order.id)


async def assert_given_up(paddock, order, why):
    """The order failed for this reason, its money is due back, and a job sees to it."""
    found = await stored(paddock, order)
    assert (found.fulfilment, found.money_back, found.failure) == (F.FAILED, M.DUE, why)
    assert ("refund", order.id) in await jobs(paddock)


async def assert_delivered(paddock, order, by):
    found = await stored(paddock, order)
    assert (found.fulfilment, found.money_back) == (F.RELEASED, M.NONE)
    assert await told(paddock, order, "released on chain") == [(ENDING, f"by {by}")]


async def test_what_the_callback_took_is_booked_and_told_once(clock):
    order, chain = made("order"), Chain()
    paddock = await begun(clock, order, chain, since=None)
    await signed_for(paddock, order, "callback", TAKING)
    assert await step(paddock, order) == 0.0
    assert await step(paddock, order) == LOOK_EVERY
    assert await told(paddock, order, "held") == [(TAKING, "")]
    assert (await stored(paddock, order)).callback_tx == TAKING
    [row] = await rows(paddock, order)
    assert (row.kind, row.debit, row.amount, row.block) == ("payout", f"callback:{ESCROW}", PRICE, TAKEN)
    async with paddock.db.read() as view:
        assert (await view.transactions.get(TAKING)).block == TAKEN


async def test_a_callback_that_did_not_take_the_payment_keeps_nothing(clock):
    order = made("order")
    paddock = await begun(clock, order, Chain(), since=None)
    with pytest.raises(InternalError, match="order order succeeded without taking its payment"):
        await step(paddock, order, mined(TAKING, TAKEN))
    assert await rows(paddock, order) == []
    assert (await stored(paddock, order)).callback_tx is None


@pytest.mark.parametrize(("less", "lines"), [(0, 1), (1, 0)])
async def test_a_task_that_waits_says_so_when_nothing_was_said_for_exactly_so_long(clock, less, lines):
    order = made("order")
    paddock = await begun(clock, order, Chain())
    clock.advance((TELL_EVERY - timedelta(microseconds=less)).total_seconds())
    for _ in range(2):
        assert await step(paddock, order) == LOOK_EVERY
    assert await told(paddock, order, "waiting") == [("chain-watch: not yet", "")] * lines


# --------------------------------------------------------------------------------------------------- the task is run


async def test_w4_a_task_that_is_done_has_its_answer_kept_and_the_payment_released_once(clock):
    order, chain = made("order"), Chain()
    paddock = await begun(clock, order, chain, run=done)
    assert await step(paddock, order) == 0.1
    [(name, _)] = await told(paddock, order, "release transaction")
    for _ in range(2):
        assert await step(paddock, order) == 0.5
    assert (await stored(paddock, order)).fulfilment is F.EXECUTING
    assert (await delivery(paddock, order), chain.asked["send"]) == (b"done", 1)
    async with paddock.db.read() as view:
        assert (await view.transactions.of(RELEASE, order.id)).hash == name


async def test_f17_no_task_is_run_for_a_payment_that_is_not_in_its_block(clock):
    order, chain = made("order", settlement_block=PAID - 1), Chain()
    paddock = await begun(clock, order, chain, run=done)
    assert await step(paddock, order) == 1.0
    assert (await delivery(paddock, order), chain.asked["send"]) == (None, 0)


async def test_while_the_chain_does_not_answer_a_task_has_not_failed(clock):
    order, chain = made("order"), Chain()
    paddock = await begun(clock, order, chain, run=unavailable)
    with pytest.raises(ChainUnavailable):
        await step(paddock, order)
    found = await stored(paddock, order)
    assert (found.fulfilment, found.money_back, chain.asked["send"]) == (F.EXECUTING, M.NONE, 0)


async def test_w4_a_release_that_reverted_while_the_payment_is_held_gives_it_back(clock):
    order, chain = made("order"), Chain()
    paddock = await begun(clock, order, chain, run=done)
    await signed_for(paddock, order, RELEASE)
    chain.show(mined(ENDING, ENDED, succeeded=False))
    assert await step(paddock, order) is None
    await assert_given_up(paddock, order, "the contract did not release the payment")
    assert chain.asked["send"] == 0


# ------------------------------------------------------------------------------------------------ the hold has ended


async def test_what_its_payer_released_is_delivered_and_told_with_who_did_it(clock):
    order, chain = made("order"), Chain(OVER)
    chain.show(mined(ENDING, ENDED, *released(order)))
    paddock = await begun(clock, order, chain)
    assert await step(paddock, order) is None
    await assert_delivered(paddock, order, PAYER)
    assert ENDING.encode() in await delivery(paddock, order)


async def test_what_we_released_is_delivered_before_a_search_shows_its_event(clock):
    order, chain = made("order"), Chain(OVER)
    chain.show(mined(ENDING, ENDED, *released(order, MARKET.delegate)), logged=False)
    paddock = await begun(clock, order, chain)
    await signed_for(paddock, order, RELEASE)
    assert await step(paddock, order) is None
    await assert_delivered(paddock, order, MARKET.delegate)


async def test_w4_what_went_back_to_its_payer_is_not_delivered(clock):
    order, chain = made("order"), Chain(OVER)
    chain.show(mined(ENDING, ENDED, *given_back(order)))
    paddock = await begun(clock, order, chain, run=done)
    assert await step(paddock, order) is None
    await assert_given_up(paddock, order, "the payment went back to its payer before the task was done")
    assert await delivery(paddock, order) is None


@pytest.mark.parametrize("logged", [False, True])
async def test_a_hold_that_is_over_waits_until_the_chain_shows_how(clock, logged):
    """A node may show the newest state before its logs, and logs before their transaction."""
    order, chain = made("order"), Chain(OVER)
    if logged:
        chain.logged[ENDING] = mined(ENDING, ENDED, *released(order))
    paddock = await begun(clock, order, chain, run=done)
    assert await step(paddock, order) == 1.0
    found = await stored(paddock, order)
    assert (found.fulfilment, found.money_back, await delivery(paddock, order)) == (F.EXECUTING, M.NONE, None)


async def test_the_ends_of_other_orders_holds_are_not_this_ones(clock):
    order, chain = made("order"), Chain(OVER)
    chain.show(mined("0xbefore", ENDED - 1, *given_back(made("another"))))
    chain.show(mined(ENDING, ENDED, *released(order)))
    chain.show(mined("0xafter", ENDED + 1, *given_back(made("third"))))
    paddock = await begun(clock, order, chain)
    assert await step(paddock, order) is None
    await assert_delivered(paddock, order, PAYER)


@pytest.mark.parametrize("deep", [0, 1, RANGE, 2 * RANGE])
async def test_an_end_is_searched_for_in_every_block_since_the_payment_was_taken_and_no_node_is_asked_for_too_many(
    clock, deep
):
    """Down to the deepest block that a reorganisation can have moved it to, where the last search is of one block."""
    since = 5 * RANGE
    oldest = since - DEEPEST_REORG
    order, chain = made("order"), Chain(OVER, block_number=oldest + 2 * RANGE)
    chain.show(mined(ENDING, oldest + deep, *released(order)))
    paddock = await begun(clock, order, chain, since=since)
    assert await step(paddock, order) is None
    await assert_delivered(paddock, order, PAYER)
    assert (chain.widest, min(chain.searched) >= oldest) == (RANGE, True)
