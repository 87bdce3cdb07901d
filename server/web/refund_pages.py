"""The console's part in refunds that a merchant's wallet signs: what it signs, and what comes of its signature."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from server.application.merchant_refund import refund_signed, to_sign
from server.application.status import status
from server.domain.errors import BadArguments
from server.domain.roles import Action
from server.web.access import About, asker_of, needs
from server.web.entering import AS_PROBLEM, require_json
from server.web.given import GivenPaddock
from server.web.merchant_api import answer
from server.web.parties import name_of
from server.web.refund_api import read_signed


@get(
    "/orders/{order_id:str}/refund",
    include_in_schema=False,
    opt=needs(Action.DECIDE, About.ORDER),
    exception_handlers=AS_PROBLEM,
)
async def refund_to_sign(order_id: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """All of it, from the wallet that was paid."""
    return answer(await to_sign(paddock, order_id))


@post(
    "/orders/{order_id:str}/refund",
    status_code=202,
    include_in_schema=False,
    opt=needs(Action.DECIDE, About.ORDER),
    exception_handlers=AS_PROBLEM,
)
async def hand_in_refund(
    request: Request[Any, Any, Any], order_id: FromPath[str], paddock: GivenPaddock
) -> Response[bytes]:
    """`{"value", "validBefore", "signature"}`; answers with the order. A worker sends it."""
    require_json(request, BadArguments)
    await refund_signed(paddock, order_id, read_signed(await request.body()), name_of(asker_of(request)))
    return answer(await status(paddock, order_id), 202)


REFUND_PAGES: list[Any] = [refund_to_sign, hand_in_refund]
