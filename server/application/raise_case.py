"""Raise a case: a person wants an order looked at and decided, though nothing looks wrong by itself."""

from server.application.ask_refund import Desk
from server.application.cases import open_case
from server.domain.cases import MOST_REASON, OPERATOR, Case, CaseKind
from server.domain.errors import BadArguments, UnknownOrder


async def raise_case(desk: Desk, order_id: str, why: str, by: str = OPERATOR) -> Case:
    """The open case of this kind about the order, made if there is none; `why` is for staff.

    Raises BadArguments and UnknownOrder.
    """
    why = why.strip()
    if not why or len(why) > MOST_REASON:
        raise BadArguments(f"say why, in {MOST_REASON} characters at most: whoever decides the case reads it")
    async with desk.db.begin("case raised") as work:
        if await work.orders.get(order_id) is None:
            raise UnknownOrder("nobody has paid for it, so there is nothing to decide")
        case = await open_case(work, CaseKind.RAISED, order_id, why, by=by)
        if case.detail != why:
            case.note("raised again", by, why)
            await work.cases.save(case)
        return case
