"""Waive: end the payment of a metered call that used nothing: no money moves, and the answer is released."""

from server.application.cases import open_case
from server.application.deliver import FOLLOW, proceed
from server.application.paddock import Paddock
from server.domain.cases import CaseKind
from server.domain.errors import UnknownOrder
from server.domain.orders import Order
from server.domain.states import PaymentState

LOOK_EVERY = 5.0
"""Seconds between two looks at an authorization that was left unused."""


async def waive(paddock: Paddock, order_id: str) -> Order:
    """The order, settled without a chain transaction, as scheme upto has it for an amount of zero, and released.

    Safe to repeat and to race: the second caller finds it done. Raises StaleWrite when it lost a race.
    """
    async with paddock.db.begin("waived") as work:
        order = await work.orders.get(order_id)
        if order is None:
            raise UnknownOrder(order_id)
        if order.payment is PaymentState.SETTLED:
            return order
        order.paid_at = paddock.clock.now()
        order.pay(PaymentState.SETTLED, "nothing was used, nothing is charged")
        order.drop_lease()
        await proceed(paddock, work, order)
        await work.outbox.add(FOLLOW, order.id, paddock.clock.now())
        await work.orders.save(order)
    return order


async def watch_waived(paddock: Paddock, order: Order) -> float | None:
    """Seconds until the next look, while the authorization that was left unused can still be used; then None.

    Only the facilitator that it names can use it. One that does takes money that nobody owes: a case tells a person.
    """
    chain = paddock.on(order.terms.network).chain
    final = await chain.final_block()
    if await chain.nonce_used(order.spend, block=final):
        async with paddock.db.begin("waived and taken") as work:
            await open_case(work, CaseKind.MISCHARGED, order.id, "it cost nothing, and its authorization was used")
        return None
    lapsed = order.authorization.lapsed(await chain.block_time(final))
    return None if lapsed else LOOK_EVERY
