"""The facilitator over HTTP: `/verify`, `/settle`, `/supported`, as x402 has them."""

from typing import Any

from litestar import Request, Response, Router, get, post

from protocol.headers import decode_json, to_json
from protocol.networks import v1_name
from protocol.wire import SCHEME_EXACT, SCHEME_UPTO, FacilitatorRequest
from server.web.given import GivenSettling


@post("/verify", tags=["facilitator"], summary="Whether a payment would settle now")
async def verify(request: Request[Any, Any, Any], settling: GivenSettling) -> Response[bytes]:
    """200 with isValid, also for payments that are not valid."""
    asked = decode_json(await request.body(), FacilitatorRequest)
    return _json(await settling.facilitator.verify(asked.payment_payload, asked.payment_requirements))


@post("/settle", tags=["facilitator"], summary="Move the money, at most once a payment")
async def settle(request: Request[Any, Any, Any], settling: GivenSettling) -> Response[bytes]:
    """200 with the outcome; asking again for the same payment gives the same outcome."""
    asked = decode_json(await request.body(), FacilitatorRequest)
    return _json(await settling.facilitator.settle(asked.payment_payload, asked.payment_requirements))


@get("/supported", tags=["facilitator"], summary="What this facilitator settles")
async def supported(settling: GivenSettling) -> dict[str, Any]:
    """Kinds by version, scheme and network."""
    kinds: list[dict[str, Any]] = []
    for network, settler in (await settling.facilitator.settlers()).items():
        kinds += [
            {"x402Version": 2, "scheme": SCHEME_EXACT, "network": network},
            {"x402Version": 2, "scheme": SCHEME_UPTO, "network": network, "extra": {"facilitatorAddress": settler}},
            {"x402Version": 1, "scheme": SCHEME_EXACT, "network": v1_name(network)},
        ]
    return {"kinds": kinds, "extensions": [], "signers": {net: list(keys) for net, keys in settling.signers.items()}}


def facilitator_router(path: str) -> Router:
    """The three routes under a path."""
    return Router(path, route_handlers=[verify, settle, supported])


def _json(value: object) -> Response[bytes]:
    return Response(to_json(value), status_code=200, media_type="application/json")
