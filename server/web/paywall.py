"""The paywall: the only way to a service's handler is through a payment."""

from typing import Any
from urllib.parse import urlsplit

from litestar import Request, Response, route
from litestar.enums import HttpMethod
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import HTTPScope

from protocol import headers as names
from protocol.intent import Intent
from protocol.sign_in import HEADER as SIGN_IN
from protocol.wire import SettleResponse
from protocol.wire_v1 import settle_v1
from server.application.paddock import Paddock
from server.application.pay import Sold, pay
from server.application.present import PaidCall
from server.application.sign_in import sign_in
from server.application.tracing import purchased
from server.application.use_key import ask_by_key
from server.domain.errors import CallbackFailed, MalformedPayment, Misdirected, PaddockError, PaymentRefused
from server.services.service import Answer, Service
from server.web.accepting import wants_page
from server.web.given import GivenPaddock
from server.web.offering import failure, offered, require_askable, terms_sheet
from server.web.origins import origin_of
from server.web.outcomes import OUTCOMES, count_refusal
from server.web.payment_page import payment_page
from server.web.problems import from_paddock, problem

NO_STORE = {"Cache-Control": "private, no-store"}
_V2, _V1 = names.PAYMENT_SIGNATURE.lower().encode(), names.X_PAYMENT.lower().encode()
_SIGN_IN, _KEY = SIGN_IN.lower().encode(), names.BUYER_KEY.lower().encode()
_LOOK_ALIKES = {_V2.replace(b"-", b"_"), _V1.replace(b"-", b"_")}
_NOTHING = [b""]
TELLING = frozenset({_V2, _V1, _SIGN_IN, _KEY})
"""Headers, in lower case, by which a request may get something else than terms."""
TERMS = {"Cache-Control": "no-store", "Content-Type": "application/json"}
"""Headers of an answer with terms."""


@route("/v1/{slug:str}", http_method=[HttpMethod.GET, HttpMethod.POST], include_in_schema=False)
async def paid_route(request: Request[Any, Any, Any], slug: FromPath[str], paddock: GivenPaddock) -> Response[Any]:
    """402 with terms, or the answer to a payment; the gate is on the handler, so no spelling of a path gets round.

    A browser that opens what is asked with POST is shown the service's page, whose form asks it.
    """
    service = await offered(paddock, slug)
    if request.method != service.method:
        if request.method == "GET" and wants_page(request.scope["headers"]):
            return Redirect(f"{paddock.prefix}/services/{slug}", status_code=303, headers=NO_STORE)
        detail = f"{slug} is asked with {service.method}"
        allow: dict[str, str] = {"Allow": service.method}
        return problem(405, "http-405", "That method is not for this path", detail, "Use that method.", {}, allow)
    call = read_call(paddock, service, request.scope, await request.body())
    if not call.v2 and not call.v1:
        await ask_by_key(paddock, call)
        if not call.sign_in and wants_page(request.scope["headers"]):
            return await payment_page(paddock, service, call)
        require_askable(service, call, given=bool(call.query or call.intent.body))
        returned = await sign_in(paddock, service, call)
        if returned is None:
            return await _payment_required(paddock, service, call)
        if isinstance(returned, Answer):
            OUTCOMES.labels(slug, "entered").inc()
            return Response(returned.body, status_code=200, media_type=returned.content_type, headers=NO_STORE)
        OUTCOMES.labels(slug, "returned").inc()
        return _sold(call, returned)
    try:
        with purchased(paddock.tracing, slug, request.scope["headers"]):
            sold = await pay(paddock, service, call)
    except PaymentRefused as error:
        count_refusal(slug, error)
        return await _payment_required(paddock, service, call, error)
    except CallbackFailed as error:
        OUTCOMES.labels(slug, "callback_failed").inc()
        return _callback_failed(call, error)
    except PaddockError as error:
        OUTCOMES.labels(slug, error.slug).inc()
        raise
    OUTCOMES.labels(slug, "sold").inc()
    return _sold(call, sold)


def read_call(paddock: Paddock, service: Service, scope: HTTPScope, body: bytes) -> PaidCall:
    """The request as it was sent: raw target, undecoded, and every payment header it carries.

    Raises MalformedPayment for a header that looks like a payment's, and Misdirected.
    """
    given: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        given.setdefault(name, []).append(value)
    if not _LOOK_ALIKES.isdisjoint(given):
        raise MalformedPayment("a payment header is spelt with an underscore")
    host = given.get(b"host", _NOTHING)[0].decode("latin-1")
    origin = origin_of(paddock, host)
    if origin is None:
        raise Misdirected(f"the request's host is {host[:100]!r}")
    query = scope["query_string"]
    target = paddock.prefix.encode() + scope["raw_path"] + (b"?" + query if query else b"")
    intent = Intent(
        method=scope["method"],
        authority=urlsplit(origin).netloc,
        target=target,
        content_type=given.get(b"content-type", _NOTHING)[0].decode("latin-1"),
        body=body,
        tenant=service.merchant,
    )
    return PaidCall(
        intent=intent,
        origin=origin,
        query=query,
        v2=tuple(given.get(_V2, ())),
        v1=tuple(given.get(_V1, ())),
        sign_in=tuple(given.get(_SIGN_IN, ())),
        keys=tuple(given.get(_KEY, ())),
    )


async def _payment_required(
    paddock: Paddock, service: Service, call: PaidCall, refused: PaymentRefused | None = None
) -> Response[bytes]:
    """v2 terms in the header and v1 terms in the body; a refused payment's outcome beside them."""
    sheet = await terms_sheet(paddock, service, call, refused)
    headers = {names.PAYMENT_REQUIRED: sheet.header, **TERMS}
    if refused:
        headers |= _response_header(call, failure(paddock, refused))
    return Response(sheet.body, status_code=402, headers=headers)


def _sold(call: PaidCall, sold: Sold) -> Response[bytes]:
    """The answer with its proof, or 202 while a callback is still running."""
    headers = {**NO_STORE, **_response_header(call, sold.settlement)}
    if sold.replayed:
        headers[names.IDEMPOTENT_REPLAYED] = "true"
    if sold.delivery is None:
        status_url = f"{call.origin}/api/orders/{sold.order.id}"
        pending = {"order_id": sold.order.id, "status": sold.order.shown, "status_url": status_url}
        return Response(
            names.to_json(pending),
            status_code=202,
            media_type="application/json",
            headers=headers | {"Location": status_url, "Retry-After": "2"},
        )
    return Response(sold.delivery.body, status_code=200, media_type=sold.delivery.content_type, headers=headers)


def _callback_failed(call: PaidCall, error: CallbackFailed) -> Response[bytes]:
    """502: the money moved and comes back; PAYMENT-RESPONSE says that it moved."""
    settlement = error.members["settlement"]
    response = from_paddock(error, {name: value for name, value in error.members.items() if name != "settlement"})
    for name, value in _response_header(call, settlement).items():
        response.set_header(name, value)
    return response


def _response_header(call: PaidCall, settlement: SettleResponse) -> dict[str, str]:
    if call.v1 and not call.v2:
        return {names.X_PAYMENT_RESPONSE: names.encode(settle_v1(settlement))}
    return {names.PAYMENT_RESPONSE: names.encode(settlement)}
