"""The order API for merchants' back ends, in the form that GOAT's clients speak."""

import logging
from typing import Any

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.params import FromPath

from protocol import headers
from protocol.actions import SIGNATURE_BYTES
from protocol.amounts import parse_amount
from protocol.errors import ProtocolError
from protocol.networks import caip2
from protocol.signatures import parse_address, parse_hex
from server.application.cancel import cancel
from server.application.create_order import NewOrder, create_order
from server.application.order_proof import order_proof
from server.application.paddock import Paddock
from server.application.sign_choice import sign_choice
from server.application.tracing import purchased
from server.domain.errors import (
    BadArguments,
    InternalError,
    OrderRefused,
    OtherMerchant,
    PaddockError,
    PaymentConflict,
    SignatureNotAwaited,
    UnknownMerchant,
    UnknownOrder,
)
from server.domain.market import Merchant
from server.domain.merchant_orders import MerchantOrder, Status, status_of
from server.domain.orders import Order
from server.services.merchant_order import SERVICE as MERCHANT_ORDER
from server.web.api import NO_STORE, as_json
from server.web.api_credentials import signing_merchant
from server.web.given import GivenPaddock
from server.web.order_views import merchant_view, order_view, payment_required

log = logging.getLogger(__name__)

LONGEST_NAME = 128
MOST_CALLDATA = 4096


class OrderBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a back end asks for; an empty text counts as none."""

    dapp_order_id: str
    chain_id: int
    token_symbol: str
    from_address: str
    amount_wei: str
    token_contract: str | None = None
    callback_calldata: str | None = None
    merchant_id: str | None = None


class SignatureBody(msgspec.Struct, forbid_unknown_fields=True):
    """65 bytes in 0x-hex."""

    signature: str


@post("/api/v1/orders", status_code=402, summary="Make an order; 402 with its terms is success")
async def create(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Response[bytes]:
    """To be paid by a plain ERC-20 transfer to `payTo`, in a block before `expiresAt`."""
    merchant = await signing_merchant(request, paddock)
    wanted = _new_order(merchant, await request.body())
    with purchased(paddock.tracing, MERCHANT_ORDER.slug, request.scope["headers"]):
        order, made = await create_order(paddock, wanted)
    required = payment_required(paddock, order, made)
    also = {headers.PAYMENT_REQUIRED: headers.encode(required), **NO_STORE}
    return Response(headers.to_json(required), status_code=402, media_type="application/json", headers=also)


@get("/api/v1/orders/{order_id:str}", summary="Where an order stands")
async def read(request: Request[Any, Any, Any], order_id: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """For the merchant whose back end made it."""
    order, made = await _own(request, paddock, order_id)
    return as_json(order_view(paddock, order, made))


@get("/api/v1/orders/{order_id:str}/proof", summary="The signed proof of a paid order")
async def proof(request: Request[Any, Any, Any], order_id: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """Names one Transfer log and what it is for; EIP-712, by a key of `/.well-known/x402`."""
    order, made = await _own(request, paddock, order_id)
    return as_json(await order_proof(paddock, order, made))


@post("/api/v1/orders/{order_id:str}/calldata-signature", status_code=200, summary="Hand in the payer's signature")
async def sign(request: Request[Any, Any, Any], order_id: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """Over `calldata_sign_request`, before `signatureExpiresAt`; without it the payer's money goes back."""
    order, _ = await _own(request, paddock, order_id)
    try:
        given = msgspec.json.decode(await request.body(), type=SignatureBody).signature
        signature = parse_hex(given, "signature", SIGNATURE_BYTES)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise OrderRefused(f"the body is no signature: {str(error)[:200]}") from error
    await sign_choice(paddock, order.id, signature)
    return as_json({"status": "ok", "order_id": order.id})


@post("/api/v1/orders/{order_id:str}/cancel", status_code=200, summary="End an order that is not paid")
async def end(request: Request[Any, Any, Any], order_id: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """What came of its price until then goes back."""
    order, _ = await _own(request, paddock, order_id)
    status = status_of(order, paddock.clock.now())
    try:
        if status is Status.CHECKOUT_VERIFIED:
            await cancel(paddock, order.id, "the merchant's back end cancelled it")
            return as_json({"status": "cancelled", "order_id": order.id})
    except PaymentConflict as error:
        raise OrderRefused("the order was paid at this moment and cannot be cancelled") from error
    raise OrderRefused(f"cannot cancel an order that is {status}: only {Status.CHECKOUT_VERIFIED} ones")


@get("/merchants/{merchant_id:str}", summary="Who a merchant is, and where it is paid")
async def merchant(merchant_id: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """For everybody."""
    found = paddock.merchants.get(merchant_id)
    if found is None:
        raise UnknownMerchant(f"there is no merchant {merchant_id[:64]!r} here")
    return as_json(merchant_view(paddock, found))


async def _own(request: Request[Any, Any, Any], paddock: Paddock, order_id: str) -> tuple[Order, MerchantOrder]:
    """The signing merchant's order. Raises UnknownOrder, in the same words for another merchant's."""
    merchant = await signing_merchant(request, paddock)
    async with paddock.db.read() as view:
        made = await view.merchant_orders.get(order_id)
        order = await view.orders.get(order_id) if made and made.merchant == merchant.id else None
    if made is None or order is None:
        raise UnknownOrder()
    return order, made


def _new_order(merchant: Merchant, body: bytes) -> NewOrder:
    """Raises OrderRefused that names the field, OtherMerchant."""
    try:
        asked = msgspec.json.decode(body, type=OrderBody)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise OrderRefused(f"the body is no order: {str(error)[:200]}") from error
    if asked.merchant_id and asked.merchant_id != merchant.id:
        raise OtherMerchant(f"merchant_id is not {merchant.id}, whose key signed this")
    if not 1 <= len(asked.dapp_order_id) <= LONGEST_NAME or not asked.dapp_order_id.isprintable():
        raise OrderRefused(f"dapp_order_id must be 1 to {LONGEST_NAME} printable characters")
    try:
        calldata = parse_hex(asked.callback_calldata, "callback_calldata") if asked.callback_calldata else b""
        if len(calldata) > MOST_CALLDATA:
            raise OrderRefused(f"callback_calldata has {len(calldata)} bytes; {MOST_CALLDATA} at most")
        return NewOrder(
            merchant=merchant,
            dapp_order_id=asked.dapp_order_id,
            network=caip2(asked.chain_id),
            symbol=asked.token_symbol,
            payer=parse_address(asked.from_address, "from_address"),
            amount=parse_amount(asked.amount_wei, "amount_wei"),
            contract=parse_address(asked.token_contract, "token_contract") if asked.token_contract else None,
            calldata=calldata,
        )
    except ProtocolError as error:
        raise OrderRefused(error.detail) from error


def on_error(_request: Request[Any, Any, Any], error: PaddockError) -> Response[bytes]:
    """In this interface the HTTP status is the code and the text stands in `error`."""
    if isinstance(error, InternalError):
        log.error("internal: %s", error.detail)
    text = error.title if isinstance(error, InternalError) else error.detail
    refused = isinstance(error, BadArguments | PaymentConflict | SignatureNotAwaited)
    again = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    answer = as_json({"error": text}, 400 if refused else error.status)
    answer.headers.update(again)
    return answer


ORDER_API = Router(
    "/",
    route_handlers=[create, read, proof, sign, end, merchant],
    exception_handlers={PaddockError: on_error},
    tags=["order API"],
)
