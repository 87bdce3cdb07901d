"""W11 held against database and chain: every final receipt is chained once, and every chain is anchored."""

from protocol.chains import Entry, merkle_root, verify_chain
from protocol.verification import content_of
from server.application.anchor import site_of
from server.application.paddock import Paddock
from server.domain.anchors import Kind, read_stream, root_of, stream_call
from server.ports import Call

EVERYTHING = 1_000_000


async def assert_chains(paddock: Paddock, *, anchored: bool = True) -> None:
    """Raises AssertionError. `anchored`: everything had time to be anchored too."""
    async with paddock.db.read() as view:
        orders = {order.id: order for order in await view.orders.recent(EVERYTHING)}
        chained: set[str] = set()
        for merchant in paddock.merchants:
            entries = await view.receipt_chain.entries(merchant, 0, EVERYTHING)
            bad = verify_chain(merchant, [Entry(one.index, one.previous, one.content, one.link) for one in entries])
            assert bad is None, f"{merchant}: entry {bad.index} is bad: {bad.why}"
            for one in (one for one in entries if one.kind is Kind.RECEIPT):
                found = await view.receipts.get(one.order_id)
                assert found is not None, f"{one.order_id} is chained and has no receipt"
                assert content_of(found[0]) == one.content, f"{one.order_id} is chained with another receipt"
                assert orders[one.order_id].final_at is not None, f"{one.order_id} is chained and not final"
                assert orders[one.order_id].terms.merchant == merchant, f"{one.order_id} is in {merchant}'s chain"
            chained |= {one.order_id for one in entries}
            if anchored:
                await _assert_anchored(paddock, merchant)
    final = {order.id for order in orders.values() if order.final_at and order.released_at}
    assert final <= chained, f"final and not chained: {final - chained}"


async def _assert_anchored(paddock: Paddock, merchant: str) -> None:
    """The batches follow each other to the chain's end, and the contract holds each of them."""
    site = site_of(paddock)
    if site is None:
        return
    async with paddock.db.read() as view:
        entries = await view.receipt_chain.entries(merchant, 0, EVERYTHING)
        batches = await view.anchors.between(site, merchant, 0, EVERYTHING)
    end = 0
    for number, batch in enumerate(batches):
        assert (batch.batch, batch.first) == (number, end), f"{merchant}: batch {batch.batch} begins at {batch.first}"
        links = [one.link for one in entries[batch.first : batch.last + 1]]
        assert (batch.root, batch.head) == (merkle_root(links), links[-1])
        root = await paddock.chain.call(Call(site.publisher, site.contract, root_of(site.publisher, merchant, number)))
        assert root == batch.root, f"{merchant}: the contract does not hold the root of batch {number}"
        end = batch.last + 1
    assert end == len(entries), f"{merchant}: {len(entries)} entries are chained and {end} anchored"
    answer = await paddock.chain.call(Call(site.publisher, site.contract, stream_call(site.publisher, merchant)))
    assert read_stream(answer) == (end, entries[-1].link if entries else bytes(32))
