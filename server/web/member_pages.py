"""The console of one merchant: its home page, and its members."""

from typing import Any

from litestar import Request, Response, delete, get, post, put
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template
from msgspec import Struct

from server.application.membership import add_member, consoles_of, remove_member
from server.application.paddock import Paddock
from server.domain.access_errors import MemberRefused
from server.domain.cases import CaseState
from server.domain.errors import UnknownMerchant
from server.domain.members import Member, MemberChange
from server.domain.order_status import OrderFilter
from server.domain.roles import GIVEN, Action
from server.web.access import About, Asker, asker_of, needs
from server.web.given import GivenPaddock
from server.web.merchant_api import Asked, answer, read_body
from server.web.pages import page
from server.web.read_models import MOST, row_of

PATH = "/console/members"
MOST_CHANGES = 50
MOST_CASES = 100
"""Open cases are counted up to here."""


class GivenRole(Struct, forbid_unknown_fields=True):
    """Body of a membership."""

    role: str


async def home(paddock: Paddock, asker: Asker, find: str) -> Template | Redirect:
    """A merchant's newest orders, and the way to all that it may see; `find` leads to an order of its own."""
    async with paddock.db.read() as view:
        found = await view.orders.found_by(find) if find else None
        order = await view.orders.get(found) if found else None
        if order and asker.owns(order.terms.merchant):
            return Redirect(f"{paddock.prefix}/console/orders/{order.id}", status_code=303)
        newest = await view.orders.recent(MOST, OrderFilter(merchant=asker.merchant))
        cases = await view.cases.listed(MOST_CASES, state=CaseState.OPEN, merchant=asker.merchant)
        others = await consoles_of(paddock, view, asker.wallet)
    return page(
        "console/home.html",
        paddock,
        asker=asker,
        merchant=paddock.merchants[asker.merchant],
        others=others,
        rows=[row_of(paddock, one) for one in newest],
        cases=len(cases),
        find=find,
    )


@get("/members", include_in_schema=False, opt=needs(Action.SEE))
async def members(request: Request[Any, Any, Any], paddock: GivenPaddock, merchant: FromQuery[str] = "") -> Template:
    """Who may enter, as what, and who changed that; the operator names the merchant."""
    return await _page(paddock, asker_of(request), merchant)


@post("/members", include_in_schema=False, opt=needs(Action.MEMBERS))
async def change_members(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Template | Redirect:
    """Add a wallet as the form's `role`, or remove it where it says `remove`."""
    asker, form = asker_of(request), await request.form()
    merchant, wallet, role, gone = (str(form.get(name, "")) for name in ("merchant", "wallet", "role", "remove"))
    own = asker.merchant or merchant
    try:
        if gone:
            await remove_member(paddock, own, gone, asker.by)
        else:
            await add_member(paddock, own, wallet, role, asker.by)
    except MemberRefused as error:
        return await _page(paddock, asker, own, refused=error.detail, given=wallet, status=error.status)
    back = f"{paddock.prefix}{PATH}" + ("" if asker.merchant else f"?merchant={own}")
    return Redirect(back, status_code=303, headers={"Cache-Control": "no-store"})


@get(
    "/api/merchants/{merchant:str}/members",
    tags=["providers"],
    summary="Who may enter a merchant's console",
    opt=needs(Action.SEE, About.MERCHANT),
)
async def listed(merchant: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """The wallet that is paid is an owner and not listed; `changes` is newest first."""
    found, lines = await _read(paddock, merchant)
    return answer({"merchant": merchant, "members": found, "changes": lines})


@put(
    "/api/merchants/{merchant:str}/members/{wallet:str}",
    tags=["providers"],
    summary="Make a wallet a member, or change its role",
    opt=needs(Action.MEMBERS, About.MERCHANT),
)
async def added(
    request: Asked, merchant: FromPath[str], wallet: FromPath[str], paddock: GivenPaddock
) -> Response[bytes]:
    """`{"role": "owner" | "operator" | "read-only"}`, by an owner's session or the operator; an API key cannot."""
    given = await read_body(request, GivenRole, MemberRefused)
    await add_member(paddock, merchant, wallet, given.role, asker_of(request).by)
    return answer({"merchant": merchant, "members": (await _read(paddock, merchant))[0]})


@delete(
    "/api/merchants/{merchant:str}/members/{wallet:str}",
    tags=["providers"],
    summary="Let a wallet in no more",
    opt=needs(Action.MEMBERS, About.MERCHANT),
)
async def removed(request: Asked, merchant: FromPath[str], wallet: FromPath[str], paddock: GivenPaddock) -> None:
    """204; what it has open ends with that."""
    await remove_member(paddock, merchant, wallet, asker_of(request).by)


async def _page(
    paddock: Paddock, asker: Asker, merchant: str, *, refused: str = "", given: str = "", status: int = 200
) -> Template:
    own = asker.merchant or merchant
    if not own:
        raise MemberRefused("say whose members: add ?merchant= and the merchant's id")
    if own not in paddock.merchants:
        raise UnknownMerchant(f"there is no merchant {own[:80]!r}")
    found, lines = await _read(paddock, own)
    told: dict[str, Any] = {"members": found, "changes": lines, "roles": GIVEN}
    return page(
        "console/members.html",
        paddock,
        status,
        asker=asker,
        merchant=paddock.merchants[own],
        **told,
        refused=refused,
        given=given,
    )


async def _read(paddock: Paddock, merchant: str) -> tuple[list[Member], list[MemberChange]]:
    async with paddock.db.read() as view:
        found = list(await view.members.of(merchant))
        return found, list(await view.members.changes(merchant, MOST_CHANGES))


MEMBER_PAGES: list[Any] = [members, change_members]
MEMBERS_API: list[Any] = [listed, added, removed]
