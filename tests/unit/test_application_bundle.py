"""W11: what is published of a receipt proves it: its place, its batch where that is final, and what took it back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from protocol.verification import check_bundle
from server.application.anchor import anchor, site_of
from server.application.bundle import bundle, chain_page
from server.application.chain_receipts import chain_receipts, revoke_receipt
from server.application.deliver import sign_again
from server.application.paddock import Anchoring, Ground
from server.domain.anchors import Site
from server.domain.deliveries import Delivery
from server.domain.errors import UnknownMerchant, UnknownOrder
from server.domain.states import FulfilmentState, PaymentState
from tests.fakes import samples
from tests.fakes.chain import FakeChain, fake_market
from tests.fakes.paddocks import bare_paddock, put
from tests.fakes.samples import NOW

DELIVERED = {"fulfilment": FulfilmentState.RELEASED, "released_at": NOW, "paid_at": NOW}
PAID = {"payment": PaymentState.SETTLED, "settlement_tx": "0x" + "aa" * 32}
NEVER = timedelta(days=1)


async def delivered(paddock, number):
    """So many more orders, whose receipts are chained."""
    orders = [await put(paddock, samples.order(f"order-{number}-{at}", **DELIVERED | PAID)) for at in range(number)]
    async with paddock.db.begin("released") as work:
        for order in orders:
            await work.deliveries.put(Delivery(order.id, b"answer", "text/plain", NOW))
            await sign_again(paddock, work, order)
            await work.receipt_chain.enqueue(order.id, "paddock", NOW)
    await chain_receipts(paddock, "paddock")
    return [order.id for order in orders]


async def anchored(paddock, clock):
    """What waits is anchored, and final."""
    assert await anchor(paddock, "paddock") == 0.5
    clock.advance(10)
    assert await anchor(paddock, "paddock") == 0.0


async def marketplace(clock, *sizes):
    """One whose merchant's chain has a final batch of so many receipts after the other, and one entry without."""
    paddock, order_ids = bare_paddock(clock, FakeChain(clock), anchoring=Anchoring(NEVER, 2)), []
    for size in sizes:
        order_ids += await delivered(paddock, size)
        await anchored(paddock, clock)
    return paddock, [*order_ids, *await delivered(paddock, 1)]


async def kept(paddock):
    async with paddock.db.read() as view:
        return await view.anchors.between(site_of(paddock), "paddock", 0, 100)


async def test_every_receipt_of_a_final_batch_is_proven_by_it_and_one_of_none_by_its_place_alone(clock):
    paddock, order_ids = await marketplace(clock, 2, 4, 3)
    batches = [one for one in await kept(paddock) for _ in range(one.first, one.last + 1)]
    for index, order_id in enumerate(order_ids):
        made = await bundle(paddock, order_id)
        assert check_bundle(made, paddock.receipts.address).wrong == []
        assert made.chain.index == index
        there = batches[index] if index < len(batches) else None
        told = made.anchor and (made.anchor.batch, made.anchor.block, made.anchor.transaction)
        assert told == (there and (there.batch, there.block, there.transaction))
        assert made.revoked is None
    assert [one.batch for one in batches] == [0, 0, 1, 1, 1, 1, 2, 2, 2]


async def test_a_revoked_receipt_is_published_with_what_took_it_back_and_the_proof_of_that(clock):
    paddock, (order_id, *_) = await marketplace(clock, 2)
    async with paddock.db.begin("revoked") as work:
        await revoke_receipt(paddock, work, order_id, "the payment was undone by a reorganisation")
    await anchored(paddock, clock)
    made = await bundle(paddock, order_id)
    report = check_bundle(made, paddock.receipts.address)
    assert report.wrong == ["the receipt was revoked: the payment was undone by a reorganisation"]
    assert "the revocation names this receipt" in report.checked
    assert (made.revoked.chain.index, made.revoked.anchor.batch) == (3, 1)
    [row] = (await chain_page(paddock, "paddock", 3, 1, whole=True)).entries
    assert (row.order_id, row.receipt, row.revocation) == (order_id, None, made.revoked.signed)


@pytest.mark.parametrize("here", [True, False], ids=["anchored here too", "not anchored here"])
async def test_a_receipt_is_proven_by_where_the_marketplace_anchors_now_and_else_by_where_it_did(clock, here):
    paddock, (order_id, *_) = await marketplace(clock, 2)
    [now] = await kept(paddock)
    before = replace(now, site=Site(now.site.network, now.site.contract, samples.TOKEN), block=now.block + 100)
    async with paddock.db.begin("anchored elsewhere") as work:
        await work.anchors.add(before)
    if not here:
        del paddock.db.tables.anchors[now.site, "paddock", 0]
    made = await bundle(paddock, order_id)
    assert made.anchor.publisher == (now if here else before).site.publisher


async def test_without_a_contract_receipts_are_published_with_the_batches_that_they_had(clock):
    paddock, (order_id, *_) = await marketplace(clock, 2)
    market = replace(fake_market(), contracts={})
    bare = bare_paddock(clock, db=paddock.db, grounds={market.network: Ground(market, paddock.chain, 1)})
    assert (await bundle(bare, order_id)).anchor == (await bundle(paddock, order_id)).anchor
    page = await chain_page(bare, "paddock", 0, 10, whole=False)
    assert (len(page.entries), page.anchors) == (3, [])


async def test_an_order_without_a_receipt_has_nothing_to_publish(clock):
    paddock, _ = await marketplace(clock)
    order = await put(paddock, samples.order())
    with pytest.raises(UnknownOrder, match="the order has no receipt: it was not released"):
        await bundle(paddock, order.id)


@pytest.mark.parametrize(
    ("first", "limit", "indexes", "batches", "following"),
    [
        (0, 10, [0, 1, 2, 3, 4, 5], [0, 1], None),
        (0, 1, [0], [0], 1),
        (1, 2, [1, 2], [0, 1], 3),
        (3, 2, [3, 4], [1], 5),
        (4, 2, [4, 5], [1], None),
        (5, 1, [5], [], None),
        (6, 10, [], [], None),
    ],
)
async def test_a_page_of_a_chain_has_the_batches_over_its_entries_and_says_where_the_next_begins(
    clock, first, limit, indexes, batches, following
):
    paddock, _ = await marketplace(clock, 2, 3)
    page = await chain_page(paddock, "paddock", first, limit, whole=False)
    assert [row.index for row in page.entries] == indexes
    assert (page.length, page.next) == (6, following)
    there = {one.batch: one for one in await kept(paddock)}
    told = [(one.batch, one.first, one.last, one.block, one.transaction) for one in page.anchors]
    found = [there[batch] for batch in batches]
    assert told == [(one.batch, one.first, one.last, one.block, one.transaction) for one in found]


async def test_a_receipt_that_waits_for_its_payment_to_be_final_is_published_without_a_place(clock):
    paddock = bare_paddock(clock)
    order = await put(paddock, samples.order(**DELIVERED | PAID))
    async with paddock.db.begin("released") as work:
        await work.deliveries.put(Delivery(order.id, b"answer", "text/plain", NOW))
        await sign_again(paddock, work, order)
    made = await bundle(paddock, order.id)
    assert (made.receipt.order_id, made.chain, made.anchor, made.revoked) == (order.id, None, None, None)
    assert check_bundle(made, paddock.receipts.address).wrong == []


async def test_a_merchant_who_has_sold_nothing_has_an_empty_chain(clock):
    page = await chain_page(bare_paddock(clock), "paddock", 0, 10, whole=True)
    assert (page.length, page.entries, page.anchors, page.next) == (0, [], [], None)


async def test_a_merchant_who_is_not_here_has_no_chain(clock):
    with pytest.raises(UnknownMerchant, match="there is no merchant 'other' here"):
        await chain_page(bare_paddock(clock), "other", 0, 10, whole=False)
