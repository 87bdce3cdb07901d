"""The console's page about callbacks: the actions that buyers may choose, the form that changes them, the audit."""

from typing import Any

from litestar import Request, get, post
from litestar.response import Redirect, Template

from server.application.allowlist import Wish, change_action
from server.application.paddock import Paddock
from server.domain.errors import AllowlistConflict, BadArguments
from server.domain.roles import Action
from server.web.access import needs
from server.web.given import GivenPaddock
from server.web.pages import page

PATH = "/console/callbacks"
MOST_CHANGES = 50


@get("/callbacks", include_in_schema=False, opt=needs(Action.OVERSEE))
async def callbacks(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Template:
    """What buyers may choose, by code and by changes, and who changed what."""
    return await _page(paddock)


@post("/callbacks", include_in_schema=False, opt=needs(Action.RUN))
async def change_callback(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Template | Redirect:
    """Add (with bounds) or remove an action."""
    form = await request.form()
    name, function, what, least, most = (
        str(form.get(one, "")).strip() for one in ("contract", "function", "what", "minimum", "maximum")
    )
    try:
        contract = paddock.market.contracts.get(name)
        if contract is None or what not in ("add", "remove"):
            raise BadArguments("choose a contract of the deployments, and add or remove")
        if what == "add" and not (least.isascii() and least.isdecimal() and most.isascii() and most.isdecimal()):
            raise BadArguments("give minimum and maximum in atomic units")
        bounds = (int(least), int(most)) if what == "add" else None
        await change_action(
            paddock.db, paddock.clock, Wish(paddock.market.network, contract, function, bounds, "console")
        )
    except (BadArguments, AllowlistConflict) as error:
        return await _page(paddock, error.detail, error.status)
    return Redirect(paddock.prefix + PATH, status_code=303, headers={"Cache-Control": "no-store"})


async def _page(paddock: Paddock, refused: str = "", status: int = 200) -> Template:
    async with paddock.db.read() as view:
        rows = await view.allowlists.all()
        changes = await view.allowlists.changes(MOST_CHANGES)
    offered = [service for service in paddock.services.values() if service.callback]
    return page("console/callbacks.html", paddock, status, rows=rows, changes=changes, offered=offered, refused=refused)


CALLBACK_PAGES: list[Any] = [callbacks, change_callback]
