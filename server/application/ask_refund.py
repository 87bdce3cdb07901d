"""Ask for a refund: make an order's money due back and ask for the job that sends it."""

from typing import Protocol

from server.application.deliver import FOLLOW, REFUND
from server.domain.errors import RefundRefused
from server.domain.orders import Order
from server.domain.refunds import BLOCKED, why_no_refund
from server.domain.states import FulfilmentState, MoneyBackState
from server.ports import Clock, Database, UnitOfWork


class Desk(Protocol):
    """What support needs: a `Paddock`, or a process that has no keys at all."""

    @property
    def db(self) -> Database:
        """Where orders and cases are."""

    @property
    def clock(self) -> Clock:
        """When something was decided."""


async def ask_refund(desk: Desk, work: UnitOfWork, order: Order, by: str) -> None:
    """Move the money to due and ask for its job, with the unit of work. Raises RefundRefused, and changes nothing.

    Never twice: an order whose money is on its way is refused, a race is lost with StaleWrite, and the token lets the
    order's nonce move money once whatever is asked here.
    """
    why = why_no_refund(order)
    if why:
        raise RefundRefused(f"the order cannot be refunded: {why}", order_id=order.id, money_back=order.money_back)
    released = order.fulfilment is FulfilmentState.RELEASED
    if order.by_transfer and released and order.money_back is not MoneyBackState.BLOCKED:
        order.charged = 0  # what was kept goes back too
    order.give_back(MoneyBackState.DUE, f"asked for by {by}")
    order.failure, order.final_at = (order.failure or "").removesuffix(BLOCKED), None
    await work.orders.save(order)
    now = desk.clock.now()
    await work.outbox.add(REFUND, order.id, now)
    await work.outbox.add(FOLLOW, order.id, now)
