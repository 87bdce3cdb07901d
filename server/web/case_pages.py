"""The console's pages about cases: those that wait for a person, and one with its timeline and the decision."""

from typing import Any

from litestar import Request, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from server.application.cases import MOST
from server.application.decide import Decision, decide
from server.application.paddock import Paddock
from server.application.raise_case import raise_case
from server.domain.cases import MOST_NOTE, MOST_REASON, CaseState, Outcome
from server.domain.errors import BadArguments, CaseConflict, UnknownCase
from server.domain.refunds import why_no_refund
from server.domain.roles import Action
from server.ports import UnitOfWork
from server.web.access import About, Asker, asker_of, needs
from server.web.given import GivenPaddock
from server.web.pages import page
from server.web.parties import name_of


@get("/cases", include_in_schema=False, opt=needs(Action.SEE))
async def cases(request: Request[Any, Any, Any], paddock: GivenPaddock, show: FromQuery[str] = "") -> Template:
    """The open cases, or with `show=all` the resolved ones too, newest first."""
    asker = asker_of(request)
    state = None if show == "all" else CaseState.OPEN
    async with paddock.db.read() as view:
        found = await view.cases.listed(MOST, state=state, merchant=asker.merchant or None)
        count = await _open(view, asker)
    return page("console/cases.html", paddock, cases=found, count=count, everything=state is None, most=MOST)


@get("/cases/{case_id:str}", include_in_schema=False, opt=needs(Action.SEE, About.CASE))
async def case(request: Request[Any, Any, Any], case_id: FromPath[str], paddock: GivenPaddock) -> Template:
    """One case: why it was opened, what happened since, and the form that decides it."""
    return await _case(paddock, case_id)


@post("/cases/{case_id:str}", include_in_schema=False, opt=needs(Action.DECIDE, About.CASE))
async def resolve(
    request: Request[Any, Any, Any], case_id: FromPath[str], paddock: GivenPaddock
) -> Template | Redirect:
    """Decide, by the form."""
    form = await request.form()
    outcome, reason, note = (str(form.get(name, "")) for name in ("outcome", "reason", "note"))
    try:
        if outcome not in {one.value for one in Outcome}:
            raise BadArguments("choose one of the outcomes")
        await decide(paddock, case_id, Decision(Outcome(outcome), reason, name_of(asker_of(request)), note))
    except (BadArguments, CaseConflict) as error:
        given = {"outcome": outcome, "reason": reason, "note": note}
        return await _case(paddock, case_id, refused=error.detail, given=given, status=error.status)
    return Redirect(f"{paddock.prefix}/console/cases/{case_id}", status_code=303, headers={"Cache-Control": "no-store"})


@post("/orders/{order_id:str}/case", include_in_schema=False, opt=needs(Action.DECIDE, About.ORDER))
async def raise_by_form(request: Request[Any, Any, Any], order_id: FromPath[str], paddock: GivenPaddock) -> Redirect:
    """Open a case about an order; the form says `why`. Then decide it on its page."""
    case = await raise_case(paddock, order_id, str((await request.form()).get("why", "")), name_of(asker_of(request)))
    return Redirect(f"{paddock.prefix}/console/cases/{case.id}", status_code=303, headers={"Cache-Control": "no-store"})


async def _open(view: UnitOfWork, asker: Asker) -> int:
    """How many cases are open; a merchant's are counted up to as many as a page has."""
    if not asker.merchant:
        return sum((await view.cases.open_kinds()).values())
    return len(await view.cases.listed(MOST, state=CaseState.OPEN, merchant=asker.merchant))


async def _case(
    paddock: Paddock, case_id: str, refused: str = "", given: dict[str, str] | None = None, status: int = 200
) -> Template:
    async with paddock.db.read() as view:
        found = await view.cases.get(case_id)
        if found is None:
            raise UnknownCase(f"there is no case {case_id[:80]!r}")
        timeline = await view.cases.timeline(case_id)
        order = await view.orders.get(found.order_id) if found.order_id else None
    return page(
        "console/case.html",
        paddock,
        status,
        case=found,
        timeline=timeline,
        order=order,
        no_refund=why_no_refund(order) if order else "the case belongs to no order",
        outcomes=list(Outcome),
        refused=refused,
        given=given or {"outcome": "", "reason": "", "note": ""},
        most_reason=MOST_REASON,
        most_note=MOST_NOTE,
    )


CASE_PAGES: list[Any] = [cases, case, resolve, raise_by_form]
