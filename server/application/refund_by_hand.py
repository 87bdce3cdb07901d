"""Refund by hand: the operator asks for an order's money to go back, also where it was blocked before."""

from server.application.ask_refund import Desk, ask_refund
from server.application.decide import Decision, decide
from server.domain.cases import OPERATOR, CaseState, Outcome
from server.domain.errors import RefundRefused, StaleWrite, UnknownOrder
from server.domain.refunds import OWED_CASES
from server.domain.states import MoneyBackState

REASON = "Your money is sent back to the address that paid."


async def refund_by_hand(desk: Desk, order_id: str, *, retry: bool = False) -> None:
    """Ask for the refund, and resolve the open case about it, if there is one.

    `retry` is for a refund that is blocked: it is not asked for again by accident. Raises UnknownOrder, RefundRefused.
    """
    async with desk.db.read() as view:
        order = await view.orders.get(order_id)
        cases = await view.cases.of(order_id)
    if order is None:
        raise UnknownOrder(f"there is no order {order_id!r}")
    if order.money_back is MoneyBackState.BLOCKED and not retry:
        raise RefundRefused("its refund was blocked: look at why, and ask again with --retry", order_id=order_id)
    case = next((one for one in cases if one.kind in OWED_CASES and one.state is CaseState.OPEN), None)
    if case:
        await decide(desk, case.id, Decision(Outcome.REFUND, REASON, note="by hand"))
        return
    try:
        async with desk.db.begin("refund asked") as work:
            await ask_refund(desk, work, order, OPERATOR)
    except StaleWrite as error:
        raise RefundRefused("the order was changed at this moment; look again", order_id=order_id) from error
