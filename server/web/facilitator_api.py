"""The facilitator over HTTP: `/verify`, `/settle`, `/supported`, as x402 has them."""

from typing import Any

import msgspec
from litestar import Request, Response, Router, get, post

from protocol.headers import decode_json, to_json
from protocol.networks import v1_name
from protocol.wire import SCHEME_DELEGATE, SCHEME_EXACT, SCHEME_UPTO, FacilitatorRequest, SettleResponse
from protocol.wire_v1 import FacilitatorRequestV1
from server.application.paddock import Settling
from server.domain.errors import FacilitatorTokenMissing
from server.web.credentials import bearer, matches
from server.web.given import GivenSettling


@post("/verify", tags=["facilitator"], summary="Whether a payment would settle now")
async def verify(request: Request[Any, Any, Any], settling: GivenSettling) -> Response[bytes]:
    """200 with isValid, also for payments that are not valid."""
    _require_token(request, settling)
    asked, _ = _read(await request.body())
    return _json(await settling.facilitator.verify(asked.payment_payload, asked.payment_requirements))


@post("/settle", tags=["facilitator"], summary="Move the money, at most once a payment")
async def settle(request: Request[Any, Any, Any], settling: GivenSettling) -> Response[bytes]:
    """200 with the outcome; asking again for the same payment gives the same outcome."""
    _require_token(request, settling)
    asked, version = _read(await request.body())
    response = await settling.facilitator.settle(asked.payment_payload, asked.payment_requirements)
    return _json(_in_words_of(version, response))


@get("/supported", tags=["facilitator"], summary="What this facilitator settles")
async def supported(request: Request[Any, Any, Any], settling: GivenSettling) -> dict[str, Any]:
    """Kinds by version, scheme and network."""
    _require_token(request, settling)
    kinds: list[dict[str, Any]] = []
    for network, settler in settling.facilitator.settlers().items():
        kinds += [
            {"x402Version": 2, "scheme": SCHEME_EXACT, "network": network},
            {"x402Version": 2, "scheme": SCHEME_UPTO, "network": network, "extra": {"facilitatorAddress": settler}},
            {"x402Version": 1, "scheme": SCHEME_EXACT, "network": v1_name(network)},
        ]
    for network, executor in settling.facilitator.executors().items():
        atomic = {"x402Version": 2, "scheme": SCHEME_DELEGATE, "network": network}
        kinds.append(atomic | {"extra": {"executor": executor}})
    return {"kinds": kinds, "extensions": [], "signers": {net: list(keys) for net, keys in settling.signers.items()}}


def facilitator_router(path: str) -> Router:
    """The three routes under a path."""
    return Router(path, route_handlers=[verify, settle, supported])


def _require_token(request: Request[Any, Any, Any], settling: Settling) -> None:
    """Raises FacilitatorTokenMissing where this facilitator is not for everybody, and the asker has no token of it."""
    if settling.tokens and not matches(bearer(request), *settling.tokens):
        raise FacilitatorTokenMissing("this facilitator settles for those who have its token")


class _Versioned(msgspec.Struct):
    x402_version: int = msgspec.field(name="x402Version", default=0)


def _read(body: bytes) -> tuple[FacilitatorRequest, int]:
    """The request in v2's words, and the version that it was asked in; of another one its payment is, too."""
    if decode_json(body, _Versioned).x402_version == 1:
        return decode_json(body, FacilitatorRequestV1).modern(), 1
    asked = decode_json(body, FacilitatorRequest)
    if asked.x402_version != 2:
        asked.payment_payload.x402_version = asked.x402_version
    return asked, 2


def _in_words_of(version: int, response: SettleResponse) -> SettleResponse:
    if version == 1:
        return msgspec.structs.replace(response, network=v1_name(response.network))
    return response


def _json(value: object) -> Response[bytes]:
    return Response(to_json(value), status_code=200, media_type="application/json")
