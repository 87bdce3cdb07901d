"""The console's pages of webhooks: all endpoints, what was sent to one, and the buttons that send it again."""

from typing import Any

from litestar import Request, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template

from server.application import endpoints
from server.application.paddock import Paddock
from server.domain.errors import BadArguments, RequestRefused, UnknownWebhook
from server.domain.roles import Action
from server.domain.webhooks import DeliveryState
from server.web.access import About, asker_of, needs
from server.web.given import GivenPaddock
from server.web.pages import page

PATH = "/console/webhooks"
BY = "the operator"
MOST_ENDPOINTS, MOST_DELIVERIES = 200, 50
"""On a page."""
_STUCK = (DeliveryState.WAITING, DeliveryState.DEAD)
_SWITCH = {"enable": True, "disable": False}


@get("/webhooks", include_in_schema=False, opt=needs(Action.SEE))
async def webhooks(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Template:
    """Where merchants want to be told, and how much of it waits or was given up."""
    async with paddock.db.read() as view:
        own = asker_of(request).merchant
        found = await (view.webhooks.endpoints_of(own) if own else view.webhooks.listed(MOST_ENDPOINTS + 1))
        backlog = await view.webhooks.backlog([one.id for one in found])
    rows = [(one, *(backlog.get((one.id, state), 0) for state in _STUCK)) for one in found[:MOST_ENDPOINTS]]
    return page("console/webhooks.html", paddock, rows=rows, most=MOST_ENDPOINTS, more=len(found) > MOST_ENDPOINTS)


@get("/webhooks/{endpoint_id:str}", include_in_schema=False, opt=needs(Action.SEE, About.ENDPOINT))
async def webhook(
    request: Request[Any, Any, Any],
    endpoint_id: FromPath[str],
    paddock: GivenPaddock,
    before: FromQuery[int | None] = None,
) -> Template:
    """One endpoint and its deliveries, newest first; a page begins below the number `before`."""
    return await _page(paddock, endpoint_id, before)


@post("/webhooks/{endpoint_id:str}", include_in_schema=False, opt=needs(Action.RESEND, About.ENDPOINT))
async def change_webhook(
    request: Request[Any, Any, Any], endpoint_id: FromPath[str], paddock: GivenPaddock
) -> Template | Redirect:
    """Send a test or an old message, enable or disable it; the form's `resend` is a delivery, `what` all else."""
    form = await request.form()
    what, delivery = str(form.get("what", "")), str(form.get("resend", ""))
    merchant = (await endpoints.find(paddock, endpoint_id)).merchant
    try:
        if delivery:
            await endpoints.resend(paddock, merchant, delivery, endpoint_id)
        elif what == "test":
            await endpoints.try_out(paddock, merchant, endpoint_id)
        elif what in _SWITCH:
            await endpoints.change(paddock, merchant, endpoint_id, enabled=_SWITCH[what], by=_by(request))
        else:
            raise BadArguments("choose what to do: test, enable, disable or send again")
    except UnknownWebhook:
        raise
    except RequestRefused as error:
        return await _page(paddock, endpoint_id, refused=error.detail, status=error.status)
    own = f"{paddock.prefix}{PATH}/{endpoint_id}"
    return Redirect(own, status_code=303, headers={"Cache-Control": "no-store"})


def _by(request: Request[Any, Any, Any]) -> str:
    """Who switched an endpoint off, as its note has it."""
    wallet = asker_of(request).wallet
    return f"a member, {wallet}" if wallet else BY


async def _page(
    paddock: Paddock, endpoint_id: str, before: int | None = None, refused: str = "", status: int = 200
) -> Template:
    endpoint = await endpoints.find(paddock, endpoint_id)
    found = await endpoints.log(paddock, endpoint.merchant, endpoint_id, before, MOST_DELIVERIES + 1)
    shown = found[:MOST_DELIVERIES]
    following = shown[-1].number if len(found) > MOST_DELIVERIES else None
    told = {"endpoint": endpoint, "deliveries": shown, "first": before is None, "following": following}
    return page("console/webhook.html", paddock, status, **told, refused=refused)


WEBHOOK_PAGES: list[Any] = [webhooks, webhook, change_webhook]
