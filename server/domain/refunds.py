"""Refunds: whether an order's money can be sent back now, and if not, why."""

from server.domain.orders import Mode, Order
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState

BLOCKED = "; the refund is blocked, and the money is still owed"
"""What everybody may read of a blocked refund; the reason may name the payer, and is for staff."""
_BACK = {
    MoneyBackState.DUE: "its money is on its way back already",
    MoneyBackState.SENDING: "its money is on its way back already",
    MoneyBackState.IN_DOUBT: "a refund was sent, and the chain has not decided about it yet",
    MoneyBackState.REFUNDED: "its money went back already",
}


def why_no_refund(order: Order) -> str | None:
    """The reason why this order's money cannot be asked back now; None if it can."""
    if order.payment in (PaymentState.SETTLING, PaymentState.IN_DOUBT):
        return "its payment is in doubt: wait until the chain has decided, for there may be nothing to give back"
    if order.payment is not PaymentState.SETTLED:
        return f"no money came for it: its payment is {order.payment}"
    kept = order.by_transfer and order.money_back is MoneyBackState.REFUNDED and order.price > 0
    if order.money_back in _BACK and not (kept and order.fulfilment is FulfilmentState.RELEASED):
        return _BACK[order.money_back]
    if order.fulfilment is FulfilmentState.RELEASED and order.terms.mode is Mode.DELEGATE:
        return "its contract call took the payment; the delegate wallet does not hold it any more"
    if order.fulfilment not in (FulfilmentState.FAILED, FulfilmentState.RELEASED):
        return f"it is still being worked on: its fulfilment is {order.fulfilment}"
    return None
