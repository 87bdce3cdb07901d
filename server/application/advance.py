"""Advance: let an order go on once its payment is as deep in the chain as its network's settings want it."""

from server.application.deliver import proceed
from server.application.execute import load
from server.application.paddock import Paddock
from server.domain.orders import Order
from server.domain.states import FulfilmentState, PaymentState

WAITING = (FulfilmentState.NONE, FulfilmentState.READY)


async def advance(paddock: Paddock, order_id: str) -> float | None:
    """None when the order went on, or has nothing to wait for; else seconds until the next look."""
    order = await load(paddock, order_id)
    if order.payment is not PaymentState.SETTLED or order.fulfilment not in WAITING:
        return None
    if not await is_deep_enough(paddock, order):
        return 0.5
    async with paddock.db.begin("advanced") as work:
        await proceed(paddock, work, order)
        if order.changes:
            await work.orders.save(order)
    return None


async def is_deep_enough(paddock: Paddock, order: Order) -> bool:
    """Whether the block of an order's payment is still there, and has its confirmations."""
    ground = paddock.on(order.terms.network)
    if order.settlement_tx is None or order.settlement_block is None:
        return False
    mined = await ground.chain.mined(order.settlement_tx)
    if mined is None or mined.block != order.settlement_block:
        return False
    return await ground.chain.block_number() - mined.block + 1 >= ground.confirmations
