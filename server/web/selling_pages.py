"""The console's pages on which a provider describes what it sells, reads what the probe finds, and mends it."""

from collections.abc import Mapping, Sequence
from typing import Any

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Template

from server.application import sell_upstream
from server.application.openapi import bring
from server.application.paddock import Paddock
from server.application.probe import Finding
from server.domain.errors import RequestRefused
from server.domain.listing_errors import BadUpstream, ProbeFailed, UnknownUpstream
from server.domain.roles import Action
from server.domain.upstreams import MEDIA_TYPES, MOVES, Upstream, UpstreamState
from server.web.access import Asker, asker_of, needs
from server.web.given import GivenPaddock
from server.web.merchant_api import gateway_of
from server.web.pages import page
from server.web.selling_forms import BLANK, described_of, fields_of, json_object, typed

PATH = "/console/services"
MOST_LINES = 50
_MOVES = {UpstreamState.LISTED: "list", UpstreamState.PAUSED: "pause", UpstreamState.DELISTED: "delist"}


@get("/services/new", include_in_schema=False, opt=needs(Action.DESCRIBE))
async def blank(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Template:
    """The empty forms: for one endpoint, and for an OpenAPI document."""
    return _forms(paddock, asker_of(request), BLANK)


@post("/services/new", include_in_schema=False, opt=needs(Action.DESCRIBE))
async def describe(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Template:
    """Keep a draft, and show it with the secret of its requests, this once."""
    asker, fields = asker_of(request), typed(await request.form())
    try:
        merchant = _merchant(paddock, asker, fields)
        made, secret = await sell_upstream.draft(paddock, merchant, fields["name"], described_of(fields), asker.by)
    except RequestRefused as error:
        return _forms(paddock, asker, fields, refused=error.detail, status=error.status)
    return await shown(paddock, made, secret=secret, status=201)


@post("/services/import", include_in_schema=False, opt=needs(Action.DESCRIBE))
async def describe_all(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Template:
    """A draft for each operation of a document, and why others are left out."""
    asker, fields = asker_of(request), typed(await request.form())
    try:
        merchant, document = _merchant(paddock, asker, fields), json_object("document", fields["document"])
        drafts, left = await bring(paddock, merchant, document, fields["base"], fields["price"], asker.by)
    except RequestRefused as error:
        return _forms(paddock, asker, fields, refused=error.detail, status=error.status)
    return page("console/imported.html", paddock, drafts=drafts, left=left)


@get("/services/{slug:str}", include_in_schema=False, opt=needs(Action.SEE))
async def one(request: Request[Any, Any, Any], slug: FromPath[str], paddock: GivenPaddock) -> Template:
    """How it is sold, who changed that, and the form that changes it."""
    return await shown(paddock, await own(paddock, asker_of(request), slug))


@post("/services/{slug:str}", include_in_schema=False, opt=needs(Action.DESCRIBE))
async def change(request: Request[Any, Any, Any], slug: FromPath[str], paddock: GivenPaddock) -> Template | Redirect:
    """Describe it anew; what is on sale is probed first, and stays as it was where that finds something."""
    asker = asker_of(request)
    old, fields = await own(paddock, asker, slug), typed(await request.form())
    try:
        described = described_of(fields)
        await sell_upstream.change(paddock, gateway_of(paddock), old.merchant, slug, described, asker.by)
    except RequestRefused as error:
        return await shown(paddock, old, refused=error, fields=fields)
    return Redirect(f"{paddock.prefix}{PATH}/{slug}", status_code=303, headers={"Cache-Control": "no-store"})


async def own(paddock: Paddock, asker: Asker, slug: str) -> Upstream:
    """What that slug names, if it is the asker's to see. Raises UnknownUpstream."""
    merchant = slug.partition(".")[0]
    if not asker.owns(merchant):
        raise UnknownUpstream(f"you have no service {slug[:64]!r}")
    return await sell_upstream.own(paddock, merchant, slug)


async def shown(
    paddock: Paddock,
    upstream: Upstream,
    *,
    secret: str = "",
    findings: Sequence[Finding] = (),
    refused: RequestRefused | None = None,
    fields: Mapping[str, str] | None = None,
    status: int = 200,
) -> Template:
    """The page of one; with the `fields` that somebody wrote and that were refused, in place of what is kept."""
    if isinstance(refused, ProbeFailed):
        findings = [Finding(**one) for one in refused.members["findings"]]
    async with paddock.db.read() as view:
        lines = await view.upstreams.changes(upstream.slug, MOST_LINES)
    return page(
        "console/upstream.html",
        paddock,
        refused.status if refused else status,
        upstream=upstream,
        fields=fields or fields_of(upstream),
        media_types=MEDIA_TYPES[1:],
        moves=moves(upstream),
        findings=findings,
        refused=refused.detail if refused else "",
        secret=secret,
        lines=lines,
    )


def moves(upstream: Upstream) -> list[str]:
    """The buttons that it has."""
    return ["probe", *(_MOVES[state] for state in UpstreamState if state in MOVES[upstream.state])]


def _forms(
    paddock: Paddock, asker: Asker, fields: Mapping[str, str], *, refused: str = "", status: int = 200
) -> Template:
    merchants = [] if asker.merchant else list(paddock.merchants.values())
    told = {"fields": fields, "refused": refused, "media_types": MEDIA_TYPES[1:]}
    return page("console/sell.html", paddock, status, merchants=merchants, **told)


def _merchant(paddock: Paddock, asker: Asker, fields: Mapping[str, str]) -> str:
    """The asker's own; the operator of the marketplace names one. Raises BadUpstream."""
    merchant = asker.merchant or fields["merchant"]
    if merchant not in paddock.merchants:
        raise BadUpstream(f"merchant: there is no {merchant[:40]!r} here")
    return merchant


SELLING: list[Any] = [blank, describe, describe_all, one, change]
