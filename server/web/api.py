"""The JSON interface: what is on sale, and where an order stands."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath

from server.application.cancel import cancel
from server.application.status import order_status, status
from server.domain.errors import UnknownOrder
from server.domain.roles import Action
from server.web.given import GivenCredentials, GivenPaddock
from server.web.listing import listing
from server.web.origins import link_origin
from server.web.parties import require_party

NO_STORE = {"Cache-Control": "no-store"}


@get("/api/services", tags=["market"], summary="Everything on sale, with price, arguments and answer")
async def services(request: Request[Any, Any, Any], paddock: GivenPaddock) -> list[dict[str, Any]]:
    """A program learns here what each call costs and returns, before it pays."""
    origin, shown = link_origin(paddock, request), await paddock.standings.read(paddock.db, paddock.clock)
    listed = await paddock.listed()
    return [listing(service, paddock.market, origin, shown, listed.ranked) for service in listed.services]


@get("/api/orders/{order_id:str}", tags=["orders"], summary="Where a quote or an order stands")
async def order(order_id: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """Answers with the quote's id before payment, and with the same id after it."""
    return as_json(await status(paddock, order_id))


@get("/api/orders/{order_id:str}/proof", tags=["orders"], summary="The stored proof record of a final order")
async def proof(
    request: Request[Any, Any, Any],
    order_id: FromPath[str],
    paddock: GivenPaddock,
    credentials: GivenCredentials,
) -> Response[bytes]:
    """For the order's payer (by a signed request for action `proof`), its merchant, and the operator."""
    await require_party(request, paddock, credentials, order_id, "proof", staff=Action.SEE, payer=True)
    async with paddock.db.read() as view:
        record = await view.proofs.get(order_id)
    if record is None:
        raise UnknownOrder("the order is not final yet; its proof is stored then")
    return Response(record, media_type="application/json", headers=NO_STORE)


@post(
    "/api/orders/{order_id:str}/cancel",
    status_code=200,
    tags=["orders"],
    summary="End an order on which nothing has happened",
)
async def cancel_order(
    request: Request[Any, Any, Any],
    order_id: FromPath[str],
    paddock: GivenPaddock,
    credentials: GivenCredentials,
) -> Response[bytes]:
    """409 once the payment is being worked on: then the payment wins."""
    await require_party(request, paddock, credentials, order_id, "cancel", staff=Action.DECIDE, payer=False)
    return as_json(order_status(paddock, await cancel(paddock, order_id, "cancelled by the merchant")))


def as_json(value: object, status: int = 200) -> Response[bytes]:
    """JSON that nobody keeps."""
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json", headers=NO_STORE)
