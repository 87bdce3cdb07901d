"""Identify: let a client's payment identifier stand for one payment of one payer for one request."""

from server.application.present import PaidCall, Presented
from server.domain.errors import IdentifierInProgress, IdentifierInUse
from server.domain.orders import Order, Shown
from server.ports import UnitOfWork


async def identify(work: UnitOfWork, call: PaidCall, presented: Presented, order: Order) -> None:
    """Tie the payment's identifier, if it has one, to its order; to be called in the unit of work of the claim.

    Raises IdentifierInUse or IdentifierInProgress, which undo the claim, if another payment has it. Both name that
    payment's status URL: only its own payer gets here, since no claim is made without a valid signature.
    """
    if presented.identifier is None:
        return
    holder_id = await work.identifiers.hold(
        order.authorization.payer, order.terms.intent, presented.identifier, order.id
    )
    holder = await work.orders.get(holder_id)
    if holder is None or holder.id == order.id:
        return
    members = {"order_id": holder.id, "status": holder.shown, "status_url": f"{call.origin}/api/orders/{holder.id}"}
    if holder.shown is Shown.PENDING:
        raise IdentifierInProgress("another payment with this identifier is not finished yet", **members)
    raise IdentifierInUse(f"another payment with this identifier is {holder.shown}", **members)
