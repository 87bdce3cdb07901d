"""The JSON interface of refunds that a merchant signs: the document to sign, and its signature."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath, FromQuery

from protocol.amounts import parse_amount, parse_uint
from protocol.errors import ProtocolError
from protocol.signatures import parse_hex
from server.application.merchant_refund import Signed, refund_signed, to_sign
from server.application.status import status
from server.domain.errors import BadArguments
from server.domain.roles import Action
from server.web.api import as_json
from server.web.given import GivenCredentials, GivenPaddock
from server.web.parties import name_of, require_party


class SignedRefund(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The body: `value` and `validBefore` as they stand in the document, and the signature over it in 0x-hex."""

    value: str
    valid_before: str
    signature: str


@get(
    "/api/orders/{order_id:str}/refund",
    tags=["orders"],
    summary="What a merchant signs to refund an order from its own wallet (EIP-712)",
)
async def refund_document(
    request: Request[Any, Any, Any],
    order_id: FromPath[str],
    paddock: GivenPaddock,
    credentials: GivenCredentials,
    value: FromQuery[str] = "",
) -> Response[bytes]:
    """For the order's merchant and the operator; `value` in atomic units asks for a part of a delivered order's."""
    await require_party(request, paddock, credentials, order_id, "refund", staff=Action.DECIDE, payer=False)
    return as_json(await to_sign(paddock, order_id, _amount(value) if value else None))


@post(
    "/api/orders/{order_id:str}/refund",
    status_code=202,
    tags=["orders"],
    summary="Hand in the merchant's signature; the refund is sent by a worker",
)
async def sign_refund(
    request: Request[Any, Any, Any],
    order_id: FromPath[str],
    paddock: GivenPaddock,
    credentials: GivenCredentials,
) -> Response[bytes]:
    """`{"value", "validBefore", "signature"}`, by the order's merchant or the operator; answers with the order."""
    asked = await require_party(request, paddock, credentials, order_id, "refund", staff=Action.DECIDE, payer=False)
    assert asked.staff is not None
    await refund_signed(paddock, order_id, read_signed(await request.body()), name_of(asked.staff))
    return as_json(await status(paddock, order_id), 202)


def read_signed(body: bytes) -> Signed:
    """What was signed. Raises BadArguments."""
    try:
        given = msgspec.json.decode(body, type=SignedRefund)
        valid_before = parse_uint(given.valid_before, "validBefore")
        return Signed(_amount(given.value), valid_before, parse_hex(given.signature, "signature"))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadArguments(f"the body must be JSON with value, validBefore and signature: {error}", 400) from error
    except ProtocolError as error:
        raise BadArguments(error.detail, 400) from error


def _amount(text: str) -> int:
    try:
        return parse_amount(text, "value")
    except ProtocolError as error:
        raise BadArguments(error.detail, 400) from error


REFUND_API: list[Any] = [refund_document, sign_refund]
