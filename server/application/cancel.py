"""Cancel: end an order on which nothing has happened yet."""

from server.application.deliver import FOLLOW
from server.application.execute import load
from server.application.paddock import Paddock
from server.application.take_transfer import end_unpaid
from server.domain.errors import IllegalTransition, PaymentConflict, StaleWrite
from server.domain.orders import Order
from server.domain.states import PaymentState


async def cancel(paddock: Paddock, order_id: str, reason: str) -> Order:
    """The cancelled order. Raises PaymentConflict once it is being worked on or has ended: then the payment wins."""
    order = await load(paddock, order_id)
    try:
        if order.payment is PaymentState.CREATED:
            async with paddock.db.begin("cancelled before it was paid") as work:
                await end_unpaid(paddock, work, order, PaymentState.CANCELLED, reason)
            return order
        order.cancel(paddock.clock.now(), reason)
        async with paddock.db.begin("cancelled") as work:
            await work.orders.save(order)
            await work.outbox.add(FOLLOW, order.id, paddock.clock.now())
    except (IllegalTransition, StaleWrite) as error:
        raise PaymentConflict(f"the order cannot be cancelled: {error}", order_id=order_id) from error
    return order
