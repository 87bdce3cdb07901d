"""Refunds: whether an order's money can be sent back now, and if not, why."""

from server.domain.cases import CaseKind
from server.domain.orders import Order
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState

BLOCKED = "the refund is blocked, and the money is still owed"
"""What everybody may read of a blocked refund; the reason may name the payer, and is for staff."""
AWAITS_MERCHANT = "the refund waits for the merchant's signature, and the money is still owed"
"""The same where nobody holds a key that can send it: the merchant's own wallet has the money."""
OWED_CASES = (CaseKind.REFUND_BLOCKED, CaseKind.PAID_BUT_DENIED)
"""Kinds of cases that a refund resolves."""
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
    if order.waived:
        return "nothing was charged for it"
    kept = order.by_transfer and order.money_back is MoneyBackState.REFUNDED and order.price > 0
    if order.money_back in _BACK and not (kept and order.fulfilment is FulfilmentState.RELEASED):
        return _BACK[order.money_back]
    if order.fulfilment is FulfilmentState.RELEASED and order.terms.mode.calls_contract:
        return "its contract call took the payment; the delegate wallet does not hold it any more"
    if order.fulfilment not in (FulfilmentState.FAILED, FulfilmentState.RELEASED):
        return f"it is still being worked on: its fulfilment is {order.fulfilment}"
    return None


def awaits_merchant(order: Order) -> bool:
    """Whether its refund is blocked until the merchant signs it."""
    return order.money_back is MoneyBackState.BLOCKED and (order.failure or "").endswith(AWAITS_MERCHANT)


def with_block(failure: str | None, words: str) -> str:
    """What failed, and what stands in the way of its refund."""
    before = without_block(failure)
    return f"{before}; {words}" if before else words


def without_block(failure: str | None) -> str | None:
    """What failed, without the words about its refund."""
    for words in (BLOCKED, AWAITS_MERCHANT):
        if failure and failure.endswith(words):
            failure = failure.removesuffix(words).removesuffix("; ")
    return failure or None


def gives_up_price(order: Order) -> bool:
    """Whether a refund that is asked for now takes back what a delivered order kept of plain transfers."""
    kept = order.by_transfer and order.fulfilment is FulfilmentState.RELEASED
    return kept and order.money_back is not MoneyBackState.BLOCKED


def most_refund(order: Order) -> int:
    """Atomic units that can go back when a refund is asked for now."""
    return (order.received or 0) - order.returned if gives_up_price(order) else order.due_back


def least_refund(order: Order) -> int:
    """Atomic units: all of it where nothing was delivered; a delivered order may be refunded in part.

    Of plain transfers all that is due back goes at once.
    """
    if order.by_transfer:
        return most_refund(order)
    return 1 if order.fulfilment is FulfilmentState.RELEASED else order.price
