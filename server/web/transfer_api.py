"""The JSON interface of orders by transfer: a payer says, signed, what it wants, and is told what to send where."""

import hashlib
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from litestar import Request, Response, post

from protocol import requests
from protocol.errors import ProtocolError
from protocol.intent import Intent
from protocol.networks import chain_id
from protocol.requests import SignedRequest
from protocol.signatures import parse_address
from server.application.order_transfer import Wanted, order_transfer
from server.application.paddock import Paddock
from server.application.status import order_status
from server.application.tracing import purchased
from server.domain.errors import BadArguments, BadSignedRequest, Misdirected, UnknownService
from server.services.arguments import parse_arguments
from server.services.service import Service, ServiceError
from server.web.api import as_json
from server.web.credentials import signed_request
from server.web.given import GivenPaddock
from server.web.origins import asked_origin

ACTION = "transfer-order"


class TransferOrder(msgspec.Struct, forbid_unknown_fields=True):
    """The body: `arguments` as the paid route takes them, addresses in 0x-hex, `network` in CAIP-2."""

    service: str
    payer: str
    arguments: dict[str, Any] = {}
    network: str | None = None
    asset: str | None = None


@post(
    "/api/transfer-orders",
    status_code=201,
    tags=["orders"],
    summary="Buy by a plain ERC-20 transfer instead of an x402 payment",
)
async def create(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Response[bytes]:
    """For whoever the body names as payer: a signed request for action `transfer-order`, over the body's SHA-256.

    Without it a stranger's order could be the one that somebody else's transfer pays.
    """
    body = await request.body()
    asked, arguments = _asked(paddock, body)
    payer, asset = _address(asked.payer, "payer"), asked.asset and _address(asked.asset, "asset")
    name = "0x" + hashlib.sha256(body).hexdigest()
    signed = signed_request(request, paddock, ACTION, name)
    network = asked.network or paddock.market.network
    if network not in paddock.grounds:
        raise BadArguments(f"network is one of {', '.join(paddock.grounds)}")
    if signed is None or not await requests.is_signed_by(signed, payer, chain_id(network)):
        raise BadSignedRequest(f"the payer's key signs action {ACTION!r} for orderId {name}, the SHA-256 of the body")
    service = paddock.services[asked.service]
    wanted = Wanted(
        service=service,
        arguments=arguments,
        payer=payer,
        nonce=bytes.fromhex(signed.request.nonce[2:]),
        digest=_digest(signed, network),
        intent=_intent(request, paddock, service, body).digest(),
        resource_url=_resource(paddock, service, asked.arguments),
        network=network,
        asset=asset,
    )
    with purchased(paddock.tracing, service.slug, request.scope["headers"]):
        order = await order_transfer(paddock, wanted)
    status_url = f"{paddock.origin}/api/orders/{order.id}"
    return as_json(order_status(paddock, order) | {"payer": payer, "status_url": status_url}, 201)


def _asked(paddock: Paddock, body: bytes) -> tuple[TransferOrder, bytes]:
    """The body, and its arguments as they are kept. Raises BadArguments before anything else is done."""
    try:
        asked = msgspec.json.decode(body, type=TransferOrder)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadArguments(f"the body is not a transfer order: {str(error)[:200]}") from error
    service = paddock.services.get(asked.service)
    if service is None:
        raise UnknownService(f"{asked.service[:80]!r} is not on sale here")
    posted = service.method == "POST"
    query = b"" if posted else _query(asked.arguments).encode()
    given = msgspec.json.encode(asked.arguments) if posted else b""
    try:
        return asked, msgspec.json.encode(parse_arguments(service, query, given, "application/json" if posted else ""))
    except ServiceError as error:
        raise BadArguments(error.detail, error.status) from error


def _address(text: str, name: str) -> str:
    try:
        return parse_address(text, name)
    except ProtocolError as error:
        raise BadArguments(error.detail) from error


def _digest(signed: SignedRequest, network: str) -> bytes:
    """What names the payer's wish in order and receipt: the hash of what it signed."""
    return hashlib.sha256(signed.request.digest(chain_id(network))).digest()


def _intent(request: Request[Any, Any, Any], paddock: Paddock, service: Service, body: bytes) -> Intent:
    """The request that made the order, for order and receipt."""
    origin = asked_origin(paddock, request)
    if origin is None:
        raise Misdirected(f"the request's host is {request.headers.get('host', '')[:100]!r}")
    return Intent(
        method=request.method,
        authority=urlsplit(origin).netloc,
        target=paddock.prefix.encode() + request.scope["raw_path"],
        content_type=request.headers.get("content-type", ""),
        body=body,
        tenant=service.merchant,
    )


def _resource(paddock: Paddock, service: Service, arguments: dict[str, Any]) -> str:
    query = "?" + _query(arguments) if arguments and service.method == "GET" else ""
    return f"{paddock.origin}/v1/{service.slug}{query}"


def _query(arguments: dict[str, Any]) -> str:
    """JSON values as the query of a GET."""
    return urlencode({k: v if isinstance(v, str) else msgspec.json.encode(v).decode() for k, v in arguments.items()})
