"""Where an order stands, in one word for people who look after many: what buyers see, and what became of the money."""

from dataclasses import dataclass
from enum import StrEnum

from server.domain.orders import Order, Shown
from server.domain.states import MoneyBackState


class OrderStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders of a list are wanted: those to which all that is said here applies.

    `payer` is a checksummed address; `before` is an order's id, and those that are older than it are wanted.
    """

    status: OrderStatus | None = None
    service: str = ""
    payer: str = ""
    before: str = ""
    merchant: str = ""


EVERY_ORDER = OrderFilter()
_BACK = {
    MoneyBackState.DUE: OrderStatus.REFUNDING,
    MoneyBackState.SENDING: OrderStatus.REFUNDING,
    MoneyBackState.IN_DOUBT: OrderStatus.REFUNDING,
    MoneyBackState.REFUNDED: OrderStatus.REFUNDED,
    MoneyBackState.BLOCKED: OrderStatus.BLOCKED,
}


def status_of(order: Order) -> OrderStatus:
    """The money's way back if there is one, else what its buyer sees."""
    back = _BACK.get(order.money_back)
    if back:
        return back
    return OrderStatus.DELIVERED if order.shown is Shown.COMPLETED else OrderStatus(order.shown.value)
