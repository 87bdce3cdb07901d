"""A held payment while processes die and the chain reorganises: it ends once, and books and chain agree."""

import pytest

from server.domain.ledger import standing
from server.domain.states import FulfilmentState, PaymentState
from server.services.chain_watch import SERVICE as CHAIN_WATCH
from tests.fakes.escrow import ESCROW
from tests.simulation.escrow_world import FRIEND, PRICE, assert_given_back, assert_released, buy, held, holding
from tests.simulation.test_reorganised import KEPT, depth_of, rows_of
from tests.simulation.world import open_world

RELEASES = ("callback signed", "payment held", "release signed", "task done")
GIVES_BACK = ("callback signed", "payment held", "callback failed", "refund signed", "refunded")
EDGES = pytest.mark.parametrize("edge", ["commit", "committed"], ids=["before", "after"])


class Died(BaseException):
    """The process ends here."""


@pytest.fixture
async def world():
    async with open_world(CHAIN_WATCH, finality=12) as opened:
        yield opened


async def dies_at(world, unit, edge):
    """The worker ends at that unit of work, and another one is started."""

    def die(name, when):
        if (name, when) == (unit, edge):
            world.db.hooks.clear()
            raise Died

    world.db.hooks.append(die)
    with pytest.raises(Died):
        await world.work(120)
    await world.work(120)


@EDGES
@pytest.mark.parametrize("unit", RELEASES)
async def test_w1_a_worker_that_dies_before_the_task_is_done_releases_once(world, unit, edge):
    world.chain.give(FRIEND, 5)
    quoted, header, _ = await buy(world)
    await dies_at(world, unit, edge)
    await assert_released(world, quoted.id)
    assert (await world.buyer.present(quoted, header)).status_code == 200


@EDGES
@pytest.mark.parametrize("unit", GIVES_BACK)
async def test_w1_a_worker_that_dies_before_the_money_is_back_gives_it_back_once(world, unit, edge):
    quoted, header, _ = await buy(world, within=40)
    await dies_at(world, unit, edge)
    await assert_given_back(world, quoted.id)
    assert (await world.buyer.present(quoted, header)).status_code == 502


@pytest.mark.parametrize("way", ["release signed", "refund signed"])
async def test_w1_bytes_that_were_signed_and_never_sent_go_out_again(world, way):
    world.chain.give(FRIEND, 5 if way == "release signed" else 0)
    quoted, _, _ = await buy(world, within=40)

    def drop(name, when):
        if (name, when) == (way, "committed"):
            world.chain.drop_next = 1

    world.db.hooks.append(drop)
    await world.work(120)
    await (assert_released if way == "release signed" else assert_given_back)(world, quoted.id)


@KEPT
@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("kind", ["payout", "refund"])
async def test_f17_a_hold_or_its_end_that_was_taken_back_happens_again_once(world, kind, depth, keep):
    quoted, _ = await holding(world, within=40)
    if kind == "refund":
        await world.work(12)
        await assert_given_back(world, quoted.id)
    (row,) = [one for one in await rows_of(world, quoted.id) if one.kind == kind]
    world.chain.mine(max(0, depth - depth_of(world, row.block)))
    world.chain.reorganise(depth_of(world, row.block), keep=keep)
    await world.work(60)
    await assert_given_back(world, quoted.id)
    booked = sorted(one.kind for one in standing(await rows_of(world, quoted.id)))
    assert booked == ["payout", "refund", "settlement"]


@KEPT
async def test_f17_a_release_that_was_taken_back_with_its_hold_happens_again_once(world, keep):
    world.chain.give(FRIEND, 5)
    async with world.workers():
        quoted, header, _ = await buy(world)
    await assert_released(world, quoted.id)
    (payout,) = [one for one in await rows_of(world, quoted.id) if one.kind == "payout"]
    world.chain.reorganise(depth_of(world, payout.block), keep=keep)
    assert held(world, quoted.id) is None
    await world.work(60)
    await assert_released(world, quoted.id)
    assert (await world.buyer.present(quoted, header)).status_code == 200


@KEPT
@pytest.mark.parametrize("comes_true", [True, False], ids=["released", "given back"])
async def test_f17_payment_hold_and_end_taken_back_together(world, keep, comes_true):
    """All of it comes back in its order; or the callback, mined before its payment, reverts, and the wallet refunds."""
    world.chain.give(FRIEND, 5 if comes_true else 0)
    async with world.workers():
        quoted, _, _ = await buy(world, within=4)
    order = await world.order(quoted.id)
    assert order.fulfilment is (FulfilmentState.RELEASED if comes_true else FulfilmentState.FAILED)
    world.chain.reorganise(depth_of(world, order.settlement_block), keep=keep)
    await world.work(120)
    order = await world.order(quoted.id)
    assert (order.payment, held(world, quoted.id)) == (PaymentState.SETTLED, None)
    released = order.fulfilment is FulfilmentState.RELEASED
    assert world.chain.state.money.get(ESCROW, 0) == (PRICE if released else 0)
