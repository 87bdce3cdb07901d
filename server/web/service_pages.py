"""The console's list of services: what is sold by code and by providers, and the buttons that probe and list."""

from typing import Any

from litestar import Request, get, post
from litestar.response import Redirect, Template

from protocol.amounts import display
from server.application import sell_upstream
from server.application.paddock import Paddock
from server.application.post import post_of
from server.application.probe import probe
from server.domain.errors import BadArguments, RequestRefused
from server.domain.roles import Action
from server.domain.upstreams import UpstreamState
from server.web.access import Asker, asker_of, needs
from server.web.given import GivenPaddock
from server.web.merchant_api import gateway_of
from server.web.pages import page
from server.web.price import price_of
from server.web.selling_pages import PATH, SELLING, moves, own, shown

_RESTS = {"pause": UpstreamState.PAUSED, "delist": UpstreamState.DELISTED}


@get("/services", include_in_schema=False, opt=needs(Action.SEE))
async def services(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Template:
    """What is sold, what rests, and by whom."""
    return await _page(paddock, asker_of(request))


@post("/services", include_in_schema=False, opt=needs(Action.TEND))
async def change_service(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Template | Redirect:
    """Probe, list, pause or delist one. What the probe finds stands on its page, beside the form that mends it."""
    form, asker = await request.form(), asker_of(request)
    slug, what = str(form.get("slug", "")), str(form.get("what", ""))
    upstream, gateway = await own(paddock, asker, slug), gateway_of(paddock)
    try:
        if what == "probe":
            return await shown(
                paddock, upstream, findings=await probe(upstream, post_of(paddock), gateway, paddock.clock)
            )
        if what == "list":
            await sell_upstream.enlist(paddock, gateway, upstream.merchant, slug, asker.by)
        elif what in _RESTS:
            await sell_upstream.rest(paddock, upstream.merchant, slug, _RESTS[what], asker.by)
        else:
            raise BadArguments("choose what to do: probe, list, pause or delist")
    except RequestRefused as error:
        return await shown(paddock, upstream, refused=error)
    return Redirect(paddock.prefix + PATH, status_code=303, headers={"Cache-Control": "no-store"})


async def _page(paddock: Paddock, asker: Asker) -> Template:
    async with paddock.db.read() as view:
        everything = await view.upstreams.all()
    asset, known = paddock.market.asset, {row.slug for row in everything}
    rows = [row for row in everything if asker.owns(row.merchant)]
    coded = [one for one in paddock.services.values() if one.slug not in known and asker.owns(one.merchant)]
    return page(
        "console/services.html",
        paddock,
        rows=[(row, display(asset.amount(row.amount), asset.decimals), moves(row)) for row in rows],
        own=[(one, price_of(one, asset)) for one in coded],
    )


SERVICE_PAGES: list[Any] = [services, change_service, *SELLING]
