"""Orders that a merchant's back end makes for its own goods: their names, flows, and statuses in GOAT's words."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from server.domain.orders import Order
from server.domain.states import FulfilmentState, PaymentState

SERVICE = "merchant-order"
"""Stands in an order in the place of a service that is on sale here."""
INVOICED_AFTER = timedelta(hours=1)


class Flow(StrEnum):
    """How the money reaches what it is for: straight, or from the delegate wallet with a contract call."""

    DIRECT = "ERC20_DIRECT"
    EIP3009 = "ERC20_3009"
    PERMIT2 = "ERC20_APPROVE_XFER"


class Status(StrEnum):
    """What a merchant's back end is told."""

    CHECKOUT_VERIFIED = "CHECKOUT_VERIFIED"
    PAYMENT_CONFIRMED = "PAYMENT_CONFIRMED"
    INVOICED = "INVOICED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class MerchantOrder:
    """What is kept beside the order: `dapp_order_id` is the merchant's own name for it, one order's alone."""

    order_id: str
    merchant: str
    dapp_order_id: str
    symbol: str


def status_of(order: Order, now: datetime) -> Status:
    """Computed at reading: nothing is written when a confirmed order becomes an invoiced one."""
    if order.payment is PaymentState.EXPIRED:
        return Status.EXPIRED
    if order.payment is PaymentState.CANCELLED:
        return Status.CANCELLED
    if order.payment is PaymentState.FAILED:
        return Status.FAILED
    if order.payment is not PaymentState.SETTLED or order.paid_at is None:
        return Status.CHECKOUT_VERIFIED
    if order.fulfilment is FulfilmentState.FAILED:
        return Status.FAILED
    invoiced = order.fulfilment is FulfilmentState.RELEASED and now >= order.paid_at + INVOICED_AFTER
    return Status.INVOICED if invoiced else Status.PAYMENT_CONFIRMED
