"""The JSON interface of calldata that buyers chose: what its payer signs, and the signature."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath

from protocol.actions import SIGNATURE_BYTES
from protocol.errors import ProtocolError
from protocol.signatures import parse_hex
from server.application.sign_choice import sign_choice, to_sign
from server.application.status import status
from server.domain.errors import BadArguments
from server.web.api import as_json
from server.web.given import GivenPaddock


class Signed(msgspec.Struct, forbid_unknown_fields=True):
    """The body: 65 bytes in 0x-hex, of the payer's key or of what its smart wallet takes."""

    signature: str


@get(
    "/api/orders/{order_id:str}/calldata-signature",
    tags=["orders"],
    summary="What a payer signs so that the callback runs the calldata that it chose (EIP-712)",
)
async def calldata_document(order_id: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """Open to whoever knows the id: the call will be public, and only its payer can sign for it."""
    return as_json(await to_sign(paddock, order_id))


@post(
    "/api/orders/{order_id:str}/calldata-signature",
    status_code=202,
    tags=["orders"],
    summary="Hand in the payer's signature over the calldata; a worker runs the callback",
)
async def sign_calldata(
    request: Request[Any, Any, Any], order_id: FromPath[str], paddock: GivenPaddock
) -> Response[bytes]:
    """`{"signature"}`; answers with the order. Who can sign is who paid, so no other credential is asked for."""
    await sign_choice(paddock, order_id, _read(await request.body()))
    return as_json(await status(paddock, order_id), 202)


def _read(body: bytes) -> bytes:
    try:
        return parse_hex(msgspec.json.decode(body, type=Signed).signature, "signature", SIGNATURE_BYTES)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadArguments(f"the body must be JSON with signature: {error}", 400) from error
    except ProtocolError as error:
        raise BadArguments(error.detail, 400) from error


CALLDATA_API: list[Any] = [calldata_document, sign_calldata]
