"""Dispute: a payer says that something is wrong with its order."""

from protocol.requests import PayerRequest
from server.application.ask_refund import Desk
from server.application.cases import open_case
from server.domain.cases import Case, CaseKind, checked_reason
from server.domain.errors import CaseConflict, DuplicateClaim
from server.domain.orders import Order


async def dispute(desk: Desk, order: Order, request: PayerRequest) -> Case:
    """The open case that this request made; the same request again finds it. The signature was checked before.

    One dispute of an order is open at a time, and a request's nonce is good for one of them: else CaseConflict.
    Raises BadArguments without a reason.
    """
    reason = checked_reason(request.reason)
    payer = order.authorization.payer
    name = f"{payer}:{request.nonce.lower()}"
    try:
        async with desk.db.begin("disputed") as work:
            case = await open_case(work, CaseKind.DISPUTED, order.id, reason, by=f"payer:{payer}", request=name)
    except DuplicateClaim as error:
        raise CaseConflict("this request was used already; sign a new one", order_id=order.id) from error
    if case.request != name:
        raise CaseConflict("a dispute of this order is open already; wait for its decision", order_id=order.id)
    return case
