"""Advance: let an order go on once its payment is as deep in the chain as its network's settings want it."""

from server.application.confirm import is_confirmed
from server.application.deliver import proceed
from server.application.execute import load
from server.application.paddock import Paddock
from server.domain.states import FulfilmentState, PaymentState

WAITING = (FulfilmentState.NONE, FulfilmentState.READY)


async def advance(paddock: Paddock, order_id: str) -> float | None:
    """None when the order went on, or has nothing to wait for; else seconds until the next look."""
    order = await load(paddock, order_id)
    if order.payment is not PaymentState.SETTLED or order.fulfilment not in WAITING:
        return None
    if not await is_confirmed(paddock, order):
        return 0.5
    async with paddock.db.begin("advanced") as work:
        await proceed(paddock, work, order)
        if order.changes:
            await work.orders.save(order)
    return None
