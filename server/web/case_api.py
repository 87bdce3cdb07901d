"""The JSON interface of support: an order's case and answer for those whom it concerns, disputes, and decisions."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath, FromQuery

from server.application.cases import MOST
from server.application.decide import Decision, decide
from server.application.dispute import dispute
from server.application.evidence_pack import case_document, evidence_pack
from server.application.pay import released
from server.domain.cases import OF_OURS, Case, CaseState, Outcome
from server.domain.errors import BadArguments, NotAllowed, RequestRefused, UnknownOrder
from server.domain.roles import Action, may
from server.domain.states import FulfilmentState
from server.web.access import who
from server.web.api import NO_STORE, as_json
from server.web.given import GivenCredentials, GivenPaddock
from server.web.guards import OTHER_POLICY
from server.web.parties import name_of, require_case, require_party


class Resolution(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a decision: `reason` is for the buyer, `note` for staff."""

    outcome: Outcome
    reason: str
    note: str = ""


@get("/api/orders/{order_id:str}/case", tags=["orders"], summary="An order's cases, and everything stored about it")
async def order_case(
    request: Request[Any, Any, Any],
    order_id: FromPath[str],
    paddock: GivenPaddock,
    credentials: GivenCredentials,
) -> Response[bytes]:
    """For the order's payer (by a signed request for action `case`), its merchant, and the operator."""
    asked = await require_party(request, paddock, credentials, order_id, "case", staff=Action.SEE, payer=True)
    async with paddock.db.read() as view:
        cases = await view.cases.of(order_id)
    staff = asked.staff is not None
    shown = [{"id": case.id, **_for_party(case)} for case in cases if staff or case.kind not in OF_OURS]
    return as_json({"cases": shown, "evidence": await evidence_pack(paddock, asked.order, for_staff=staff)})


@get("/api/orders/{order_id:str}/delivery", tags=["orders"], summary="The stored answer, while it is kept")
async def order_delivery(
    request: Request[Any, Any, Any],
    order_id: FromPath[str],
    paddock: GivenPaddock,
    credentials: GivenCredentials,
) -> Response[bytes]:
    """For the order's payer (by a signed request for action `delivery`), its merchant, and the operator."""
    asked = await require_party(request, paddock, credentials, order_id, "delivery", staff=Action.SEE, payer=True)
    if asked.order.fulfilment is not FulfilmentState.RELEASED:
        raise UnknownOrder("nothing was released for this order")
    async with paddock.db.read() as view:
        sold = await released(paddock, view, asked.order, replayed=True)
    assert sold.delivery is not None
    apart = {"Content-Security-Policy": OTHER_POLICY, "Content-Disposition": "attachment"}
    return Response(sold.delivery.body, media_type=sold.delivery.content_type, headers=NO_STORE | apart)


@post(
    "/api/orders/{order_id:str}/dispute",
    status_code=201,
    tags=["orders"],
    summary="Say that something is wrong with an order",
)
async def open_dispute(
    request: Request[Any, Any, Any],
    order_id: FromPath[str],
    paddock: GivenPaddock,
    credentials: GivenCredentials,
) -> Response[bytes]:
    """For the order's payer alone, by a signed request for action `dispute` that holds the reason."""
    asked = await require_party(request, paddock, credentials, order_id, "dispute", staff=None, payer=True)
    assert asked.signed is not None
    case = await dispute(paddock, asked.order, asked.signed.request)
    return as_json({"id": case.id, **_for_party(case)}, 201)


@get("/api/cases", tags=["cases"], summary="Cases, newest first; ?only=open leaves the open ones")
async def cases(
    request: Request[Any, Any, Any], paddock: GivenPaddock, credentials: GivenCredentials, only: FromQuery[str] = ""
) -> Response[bytes]:
    """All of them for the operator, its own for a merchant."""
    asker = await who(request, paddock, credentials, pages=False)
    if not may(asker.role, Action.SEE):
        raise NotAllowed("cases are for the operator and for merchants")
    async with paddock.db.read() as view:
        found = await view.cases.listed(MOST, state=_state(only), merchant=asker.merchant or None)
    return as_json([case_document(case, ()) for case in found])


@get("/api/cases/{case_id:str}", tags=["cases"], summary="One case with its timeline and evidence")
async def one_case(
    request: Request[Any, Any, Any],
    case_id: FromPath[str],
    paddock: GivenPaddock,
    credentials: GivenCredentials,
) -> Response[bytes]:
    """For the operator and the merchant of its order."""
    case, _ = await require_case(request, paddock, credentials, case_id, Action.SEE)
    async with paddock.db.read() as view:
        order = await view.orders.get(case.order_id) if case.order_id else None
        document = case_document(case, await view.cases.timeline(case_id))
    evidence = await evidence_pack(paddock, order, for_staff=True) if order else None
    return as_json(document | {"evidence": evidence})


@post("/api/cases/{case_id:str}/resolve", status_code=200, tags=["cases"], summary="Decide a case")
async def resolve_case(
    request: Request[Any, Any, Any],
    case_id: FromPath[str],
    paddock: GivenPaddock,
    credentials: GivenCredentials,
) -> Response[bytes]:
    """`{"outcome": "refund" | "redelivery" | "rejection", "reason": …, "note": …}`, by whoever decides cases."""
    _, asker = await require_case(request, paddock, credentials, case_id, Action.DECIDE)
    try:
        given = msgspec.json.decode(await request.body(), type=Resolution)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadArguments(f"the body must be JSON with outcome and reason: {error}", 400) from error
    decision = Decision(given.outcome, given.reason, name_of(asker), given.note)
    case = await decide(paddock, case_id, decision)
    return as_json({"id": case.id, **_for_party(case)})


def _for_party(case: Case) -> dict[str, Any]:
    return {**case.for_buyer, "opened_at": case.opened_at, "resolved_at": case.resolved_at}


def _state(text: str) -> CaseState | None:
    try:
        return CaseState(text) if text else None
    except ValueError as error:
        raise RequestRefused("only is open or resolved") from error


CASE_API: list[Any] = [order_case, order_delivery, open_dispute, cases, one_case, resolve_case]
