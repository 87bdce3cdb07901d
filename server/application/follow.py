"""Follow: watch a settled order until its transactions are final, then ask for its proof once nothing is owed."""

from server.application.deliver import PROVE
from server.application.execute import load
from server.application.paddock import Paddock
from server.application.settle import evidence_in
from server.domain.orders import Order
from server.domain.states import PaymentState


async def follow(paddock: Paddock, order_id: str) -> float | None:
    """None when the order is final, else seconds until the next look."""
    order = await load(paddock, order_id)
    if order.final_at is not None or order.payment is not PaymentState.SETTLED:
        return None
    if not order.ended:
        return 1.0
    final = await paddock.chain.final_block()
    for transaction in (order.settlement_tx, order.callback_tx, order.refund_tx):
        mined = await paddock.chain.mined(transaction) if transaction else None
        if transaction and (mined is None or mined.block > final):
            return 1.0
    if await evidence_in(paddock, order, order.settlement_tx or "") is None:
        return 1.0
    await _finalize(paddock, order, final)
    return None


async def _finalize(paddock: Paddock, order: Order, block: int) -> None:
    order.final_at = paddock.clock.now()
    order.learn("final", f"block {block}")
    async with paddock.db.begin("final") as work:
        await work.orders.save(order)
        if not order.owes:
            await work.outbox.add(PROVE, order.id, paddock.clock.now())
