"""A merchant's chain holds receipts that are there, and its pages show them only to who may see them whole."""

import pytest

from server.application.bundle import chain_page
from server.application.chain_receipts import chain_receipts
from server.application.deliver import sign_again
from server.domain.deliveries import Delivery
from server.domain.errors import UnknownOrder
from server.domain.states import FulfilmentState, PaymentState
from tests.fakes import samples
from tests.fakes.paddocks import bare_paddock, put
from tests.fakes.samples import NOW


async def waiting(clock, signed):
    """A delivered order whose receipt, if it was signed, waits to be chained."""
    paddock = bare_paddock(clock)
    delivered = {"fulfilment": FulfilmentState.RELEASED, "released_at": NOW, "paid_at": NOW}
    paid = {"payment": PaymentState.SETTLED, "settlement_tx": "0x" + "aa" * 32}
    order = await put(paddock, samples.order(**delivered | paid))
    async with paddock.db.begin("released") as work:
        await work.deliveries.put(Delivery(order.id, b"answer", "text/plain", NOW))
        if signed:
            await sign_again(paddock, work, order)
        await work.receipt_chain.enqueue(order.id, "paddock", NOW)
    return paddock, order


async def test_an_order_without_a_receipt_is_not_chained(clock):
    paddock, order = await waiting(clock, signed=False)
    with pytest.raises(UnknownOrder, match=f"order {order.id} waits to be chained and has no receipt"):
        await chain_receipts(paddock, "paddock")
    assert (await chain_page(paddock, "paddock", 0, 10, whole=True)).entries == []


@pytest.mark.parametrize("whole", [True, False])
async def test_a_whole_page_shows_the_receipts_and_any_other_only_their_hashes(clock, whole):
    paddock, order = await waiting(clock, signed=True)
    assert await chain_receipts(paddock, "paddock") is None
    async with paddock.db.read() as view:
        receipt, _ = await view.receipts.get(order.id)
    [row] = (await chain_page(paddock, "paddock", 0, 10, whole=whole)).entries
    assert (row.index, row.order_id, row.receipt) == ((0, order.id, receipt) if whole else (0, None, None))
