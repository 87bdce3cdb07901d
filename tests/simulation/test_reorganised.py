"""F17: a reorganisation after the grant is reversed in the books, settled again, or owed; never delivered twice."""

from dataclasses import replace

import pytest

from server.application.follow import stand
from server.application.settle import stored_payment
from server.domain.anchors import Kind
from server.domain.ledger import standing
from server.domain.sending import TransactionState
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.services.service import Fulfilment
from tests.fakes.evm import TOKEN
from tests.simulation.world import RICH, open_world, service

DEPTHS = pytest.mark.parametrize("depth", range(1, 9))
KEPT = pytest.mark.parametrize("keep", [False, True], ids=["dropped", "back in the mempool"])
FINALITY = 12
MINED = {TransactionState.SUCCEEDED, TransactionState.REVERTED}


def fail(_arguments, _context):
    raise RuntimeError("no answer today")


@pytest.fixture
async def world():
    paid_first = service("paid-first", fail, fulfilment=Fulfilment.AFTER_SETTLEMENT)
    async with open_world(paid_first, finality=FINALITY) as opened:
        opened.chain.give(opened.paddock.floats["paddock"].address, RICH)
        yield opened


async def buy(world, slug="echo", status=200):
    """A purchase with workers running: its quote and its payment."""
    quoted = await world.buyer.ask(world.url(slug), *(("POST", {}) if slug.endswith("pass") else ()))
    header = world.buyer.pay(quoted)
    async with world.workers():
        assert (await world.buyer.present(quoted, header)).status_code == status
    return quoted, header


def depth_of(world, block):
    """How many of the newest blocks must go to take that one away."""
    return len(world.chain.blocks) - block


async def rows_of(world, order_id):
    async with world.db.read() as view:
        return list(await view.ledger.of(order_id))


async def revoked(world, order_id):
    async with world.db.read() as view:
        return [one.kind for one in await view.receipt_chain.of(order_id)] == [Kind.REVOKED]


async def assert_booked_again(world, order_id, kind):
    """Reversed in the round that the reorganisation ended, and there once more in a block that stands."""
    rows = [row for row in await rows_of(world, order_id) if row.kind == kind]
    before, undone, after = rows
    assert (before.reversal, undone.reversal, after.reversal) == (False, True, False)
    assert (undone.debit, undone.credit, undone.round) == (before.credit, before.debit, before.round)
    assert after.round > before.round
    assert await world.chain.block_hash(after.block) == after.block_hash
    assert [row for row in standing(await rows_of(world, order_id)) if row.kind == kind] == [after]


@KEPT
@DEPTHS
async def test_f17_a_settlement_that_was_taken_back_is_settled_again_and_delivered_once(world, depth, keep):
    quoted, header = await buy(world)
    before = await world.order(quoted.id)
    world.chain.mine(depth - depth_of(world, before.settlement_block))
    world.chain.reorganise(max(depth, depth_of(world, before.settlement_block)), keep=keep)
    assert world.settlements() == 0
    await world.work(10)
    order = await world.order(quoted.id)
    assert (order.payment, order.fulfilment, order.round) == (PaymentState.SETTLED, FulfilmentState.RELEASED, 1)
    await assert_booked_again(world, quoted.id, "settlement")
    async with world.db.read() as view:
        signed, _ = await view.receipts.get(quoted.id)
    assert signed.receipt.transaction == order.settlement_tx
    answer = await world.buyer.present(quoted, header)
    assert (answer.status_code, answer.headers["idempotent-replayed"]) == (200, "true")
    assert (world.settlements(), world.runs["echo"]) == (1, 1)


@KEPT
@DEPTHS
async def test_f17_a_callbacks_payout_that_was_taken_back_happens_again_once(world, depth, keep):
    quoted, header = await buy(world, "access-pass")
    (payout,) = (row for row in await rows_of(world, quoted.id) if row.kind == "payout")
    world.chain.mine(depth - 1)
    world.chain.reorganise(depth_of(world, payout.block), keep=keep)
    await world.work(30)
    order = await world.order(quoted.id)
    assert (order.payment, order.fulfilment) == (PaymentState.SETTLED, FulfilmentState.RELEASED)
    await assert_booked_again(world, quoted.id, "payout")
    assert world.chain.state.minted == {world.paddock.market.contracts["AccessPass"].address: 1}
    assert (await world.buyer.present(quoted, header)).status_code == 200


@KEPT
async def test_f17_settlement_and_callback_taken_back_together(world, keep):
    """The callback comes back after its payment, or, mined before it, reverts and the payment is refunded: once."""
    quoted, header = await buy(world, "access-pass")
    order = await world.order(quoted.id)
    world.chain.reorganise(depth_of(world, order.settlement_block), keep=keep)
    assert (world.settlements(), world.chain.state.minted) == (0, {})
    await world.work(60)
    await assert_booked_again(world, quoted.id, "settlement")
    order = await world.order(quoted.id)
    answer = await world.buyer.present(quoted, header)
    if order.fulfilment is FulfilmentState.RELEASED:
        await assert_booked_again(world, quoted.id, "payout")
        assert answer.status_code == 200
    else:
        assert (order.fulfilment, order.money_back) == (FulfilmentState.FAILED, MoneyBackState.REFUNDED)
        assert answer.status_code == 502
    passes = int(order.fulfilment is FulfilmentState.RELEASED)
    assert sum(world.chain.state.minted.values()) == passes
    kinds = sorted(row.kind for row in standing(await rows_of(world, quoted.id)))
    assert kinds == sorted(["settlement", "payout" if passes else "refund"])


@KEPT
@DEPTHS
@pytest.mark.parametrize("slug", ["launch-pass", "paid-first"], ids=["delegate wallet", "float"])
async def test_f17_a_refund_that_was_taken_back_is_refunded_again_once(world, slug, depth, keep):
    if slug == "launch-pass":
        await buy(world, slug)
    quoted, _ = await buy(world, slug, 502)
    while not (refund := [row for row in await rows_of(world, quoted.id) if row.kind == "refund"]):
        await world.work(0.5)
    poorer = await world.chain.token_balance(TOKEN, world.buyer.account.address)
    world.chain.mine(depth - 1)
    world.chain.reorganise(depth_of(world, refund[0].block), keep=keep)
    await world.work(30)
    order = await world.order(quoted.id)
    assert (order.fulfilment, order.money_back) == (FulfilmentState.FAILED, MoneyBackState.REFUNDED)
    await assert_booked_again(world, quoted.id, "refund")
    assert await world.chain.token_balance(TOKEN, world.buyer.account.address) == poorer


async def test_f17_an_authorization_that_lapsed_meanwhile_is_a_debt_with_a_revoked_receipt(world, caplog):
    quoted, header = await buy(world)
    order = await world.order(quoted.id)
    world.chain.drop_next = 10**6
    world.chain.reorganise(depth_of(world, order.settlement_block))
    await world.work(10)
    assert (await world.order(quoted.id)).payment is PaymentState.IN_DOUBT
    unsure = await world.buyer.present(quoted, header)
    assert (unsure.status_code, b"hello" in unsure.content) == (503, False)
    said = await world.paddock.facilitator.settle(*stored_payment(await world.order(quoted.id)))
    assert (said.success, said.error_reason) == (False, "settlement_pending")
    assert len(world.db.tables.transactions) == 1, "the same bytes wait, and no others were signed"
    await world.work(200)
    order = await world.order(quoted.id)
    assert (order.payment, order.fulfilment) == (PaymentState.FAILED, FulfilmentState.RELEASED)
    assert "a reorganisation took the payment back" in order.failure
    assert any("a reorganisation took the payment back" in record.message for record in caplog.records)
    assert await revoked(world, quoted.id)
    assert standing(await rows_of(world, quoted.id)) == []
    again = await world.buyer.present(quoted, header)
    assert (again.status_code, b"hello" in again.content) == (402, False)
    assert (world.settlements(), world.runs["echo"]) == (0, 1)


async def test_f17_the_block_that_comes_back_is_believed_again(world):
    quoted, header = await buy(world)
    order = await world.order(quoted.id)
    world.chain.drop_next = 10**6
    gone = world.chain.reorganise(depth_of(world, order.settlement_block))
    await world.work(3)
    assert (await world.order(quoted.id)).payment is PaymentState.IN_DOUBT
    world.chain.restore(gone)
    world.chain.drop_next = 0
    await world.work(10)
    await assert_booked_again(world, quoted.id, "settlement")
    before, _, after = await rows_of(world, quoted.id)
    assert (before.block_hash, before.log_index) == (after.block_hash, after.log_index)
    assert (await world.buyer.present(quoted, header)).status_code == 200


async def test_f17_one_order_taken_back_twice(world):
    quoted, header = await buy(world)
    for _ in range(2):
        order = await world.order(quoted.id)
        world.chain.reorganise(depth_of(world, order.settlement_block))
        await world.work(8)
    assert (await world.order(quoted.id)).round == 2
    assert [row.reversal for row in await rows_of(world, quoted.id)] == [False, True, False, True, False]
    assert (await world.buyer.present(quoted, header)).status_code == 200


@pytest.mark.parametrize("lag", [1, 3, 8])
async def test_f18_a_node_that_lags_raises_no_false_alarm(world, lag):
    quoted, _ = await buy(world)
    world.chain.lag = lag
    await world.work(5)
    order = await world.order(quoted.id)
    assert (order.payment, order.round, len(await rows_of(world, quoted.id))) == (PaymentState.SETTLED, 0, 1)


async def test_f18_a_node_that_lost_a_receipt_raises_no_false_alarm(world, monkeypatch):
    quoted, _ = await buy(world)

    async def nothing(_transaction):
        return None

    with monkeypatch.context() as patched:
        patched.setattr(world.chain, "mined", nothing)
        await world.work(5)
    order = await world.order(quoted.id)
    assert (order.payment, order.round, len(await rows_of(world, quoted.id))) == (PaymentState.SETTLED, 0, 1)


@KEPT
@pytest.mark.parametrize("slug", ["echo", "access-pass"])
async def test_f17_who_looked_away_until_the_new_blocks_were_final_holds_up_no_later_nonce(world, slug, keep):
    """Facilitator and worker were away while blocks went and so many came that theirs look final."""
    quoted, _ = await buy(world, slug)
    order = await world.order(quoted.id)
    world.chain.reorganise(depth_of(world, order.settlement_block), keep=keep)
    world.chain.mine(FINALITY + 5)
    await world.work(60)
    assert (await world.order(quoted.id)).ended
    for sold in ("echo", "access-pass"):
        await buy(world, sold)
    assert {one.state for one in world.db.tables.transactions.values()} <= MINED


async def test_f17_the_payout_of_a_payment_that_is_gone_for_good_leaves_the_books_with_it(world):
    quoted, _ = await buy(world, "access-pass")
    order = await world.order(quoted.id)
    world.chain.drop_next = 10**6
    world.chain.reorganise(depth_of(world, order.settlement_block))
    await world.work(300)
    order = await world.order(quoted.id)
    assert order.payment is PaymentState.FAILED
    assert standing(await rows_of(world, quoted.id)) == []
    assert await revoked(world, quoted.id)


async def test_a_row_that_names_no_block_stands_when_its_transaction_is_final(world):
    """Rows were written so before they named their block."""
    quoted = await world.buyer.ask(world.url("echo"))
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
    order = await world.order(quoted.id)
    async with world.db.read() as view:
        (row,) = await view.ledger.of(order.id)
    old = replace(row, block_hash="")
    assert not await stand(world.paddock, order, [old])
    world.chain.mine(12)
    assert await stand(world.paddock, order, [old])
    assert not await stand(world.paddock, order, [replace(old, transaction="0x" + "77" * 32)])
