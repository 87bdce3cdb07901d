"""Who asks about an order or a case: its payer by a signed request, its merchant's people, or the operator."""

from dataclasses import dataclass

from protocol import requests
from protocol.networks import chain_id
from protocol.requests import SignedRequest
from server.application.paddock import Paddock
from server.application.wallet_signatures import accepted_on
from server.domain.access_errors import RoleForbids
from server.domain.cases import OPERATOR, Case
from server.domain.errors import UnknownCase, UnknownOrder
from server.domain.orders import Order
from server.domain.roles import Action, Role, may
from server.web.access import Asker, who
from server.web.credentials import Connection, Credentials, signed_request


@dataclass(frozen=True, slots=True)
class Asked:
    """An order, and who asks for it: `staff`, or its payer by the request that it `signed`."""

    order: Order
    staff: Asker | None = None
    signed: SignedRequest | None = None


async def require_party(
    connection: Connection,
    paddock: Paddock,
    credentials: Credentials,
    order_id: str,
    action: str,
    *,
    staff: Action | None,
    payer: bool,
) -> Asked:
    """The order and who asks. Its merchant's people have to be allowed to do `staff`; None is for the payer alone.

    Raises UnknownOrder, in the same words for one that is not there and not theirs, and RoleForbids.
    BadSignedRequest for a header that cannot be a request for this: it says nothing of whether the order is there.
    """
    signed = signed_request(connection, paddock, action, order_id)
    async with paddock.db.read() as view:
        order = await view.orders.get(order_id)
    if order is None:
        raise UnknownOrder()
    asker = await who(connection, paddock, credentials, pages=False)
    if staff and _is_staff(asker, order.terms.merchant):
        require_may(asker, staff)
        return Asked(order, staff=asker)
    if payer and signed and await _is_payers(paddock, order, signed):
        return Asked(order, signed=signed)
    raise UnknownOrder()


async def require_case(
    connection: Connection, paddock: Paddock, credentials: Credentials, case_id: str, action: Action
) -> tuple[Case, Asker]:
    """A case of the asker's merchant, or any for the operator. Raises UnknownCase in the same words for one that is not
    there and not theirs, and RoleForbids."""
    asker = await who(connection, paddock, credentials, pages=False)
    async with paddock.db.read() as view:
        case = await view.cases.get(case_id)
    if case is None or not _is_staff(asker, case.merchant):
        raise UnknownCase()
    require_may(asker, action)
    return case, asker


def require_may(asker: Asker, action: Action) -> None:
    """Raises RoleForbids."""
    if not may(asker.role, action):
        raise RoleForbids(f"as {asker.role} one may not {action}")


def name_of(asker: Asker) -> str:
    """Who decided, for a timeline."""
    if asker.wallet:
        return f"member:{asker.wallet}"
    return f"merchant:{asker.merchant}" if asker.merchant else OPERATOR


def _is_staff(asker: Asker, merchant: str | None) -> bool:
    """A wallet that was a member once has a session, and no role."""
    return asker.role is not Role.STRANGER and asker.owns(merchant)


async def _is_payers(paddock: Paddock, order: Order, signed: SignedRequest) -> bool:
    network = order.terms.network
    wallet = accepted_on(paddock.on(network).chain)
    return await requests.is_signed_by(signed, order.authorization.payer, chain_id(network), wallet)
