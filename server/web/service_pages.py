"""The console's page about services: what is sold by code and by providers, and the buttons that probe and list."""

from typing import Any

from litestar import Request, get, post
from litestar.response import Redirect, Template

from protocol.amounts import display
from server.application import sell_upstream
from server.application.paddock import Paddock
from server.application.post import post_of
from server.application.probe import Finding, probe
from server.domain.errors import BadArguments, RequestRefused
from server.domain.listing_errors import ProbeFailed, UnknownUpstream
from server.domain.roles import Action
from server.domain.upstreams import MOVES, Upstream, UpstreamState
from server.web.access import Asker, asker_of, needs
from server.web.given import GivenPaddock
from server.web.merchant_api import gateway_of
from server.web.pages import page
from server.web.price import price_of

PATH = "/console/services"
BY = "console"
_RESTS = {"pause": UpstreamState.PAUSED, "delist": UpstreamState.DELISTED}


@get("/services", include_in_schema=False, opt=needs(Action.SEE))
async def services(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Template:
    """What is sold, what rests, and by whom."""
    return await _page(paddock, asker_of(request))


@post("/services", include_in_schema=False, opt=needs(Action.TEND))
async def change_service(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Template | Redirect:
    """Probe, list, pause or delist one."""
    form = await request.form()
    slug, what = str(form.get("slug", "")), str(form.get("what", ""))
    merchant, asker = slug.partition(".")[0], asker_of(request)
    by = asker.wallet or BY
    if slug and not asker.owns(merchant):
        raise UnknownUpstream()
    try:
        if what == "probe":
            found = await sell_upstream.own(paddock, merchant, slug)
            return await _page(
                paddock, asker, slug, await probe(found, post_of(paddock), gateway_of(paddock), paddock.clock)
            )
        if what == "list":
            await sell_upstream.enlist(paddock, gateway_of(paddock), merchant, slug, by)
        elif what in _RESTS:
            await sell_upstream.rest(paddock, merchant, slug, _RESTS[what], by)
        else:
            raise BadArguments("choose what to do: probe, list, pause or delist")
    except ProbeFailed as error:
        return await _page(paddock, asker, slug, _findings(error), error.detail, error.status)
    except RequestRefused as error:
        return await _page(paddock, asker, refused=error.detail, status=error.status)
    return Redirect(paddock.prefix + PATH, status_code=303, headers={"Cache-Control": "no-store"})


async def _page(
    paddock: Paddock,
    asker: Asker,
    probed: str = "",
    findings: list[Finding] | None = None,
    refused: str = "",
    status: int = 200,
) -> Template:
    async with paddock.db.read() as view:
        everything = await view.upstreams.all()
    asset, known = paddock.market.asset, {row.slug for row in everything}
    rows = [row for row in everything if asker.owns(row.merchant)]
    coded = [one for one in paddock.services.values() if one.slug not in known and asker.owns(one.merchant)]
    own = [(one, price_of(one, asset)) for one in coded]
    shown = {
        "rows": [(row, display(asset.amount(row.amount), asset.decimals), _moves(row)) for row in rows],
        "own": own,
        "probed": probed,
    }
    told = {"findings": findings or [], "refused": refused}
    return page("console/services.html", paddock, status, **shown, **told)


def _moves(row: Upstream) -> list[str]:
    """The buttons that an upstream has."""
    names = {UpstreamState.LISTED: "list", UpstreamState.PAUSED: "pause", UpstreamState.DELISTED: "delist"}
    return ["probe", *(names[state] for state in UpstreamState if state in MOVES[row.state])]


def _findings(error: ProbeFailed) -> list[Finding]:
    return [Finding(**one) for one in error.members["findings"]]


SERVICE_PAGES: list[Any] = [services, change_service]
