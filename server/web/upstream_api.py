"""The JSON interface by which a provider sells its own endpoints: described, probed, listed, changed, paused, ended."""

from datetime import timedelta
from typing import Any

import msgspec
from litestar import Response, Router, get, post, put
from litestar.params import FromPath

from server.application import sell_upstream
from server.application.openapi import bring
from server.application.paddock import Paddock
from server.application.post import post_of
from server.application.probe import Finding, probe
from server.application.sell_upstream import Described
from server.domain.listing_errors import BadUpstream
from server.domain.roles import Action
from server.domain.upstreams import Upstream, UpstreamState, slug_of
from server.web.access import About, asker_of, needs
from server.web.given import GivenPaddock
from server.web.merchant_api import Asked, answer, gateway_of, read_body

MOST_LINES = 100
LONGEST_OVERLAP = 7 * 24


class NewUpstream(msgspec.Struct, forbid_unknown_fields=True):
    """Body of a new service: its name, and how it is sold."""

    name: str
    service: Described


class Import(msgspec.Struct, forbid_unknown_fields=True):
    """Body of an import: the document, where it was found, and the price where it names none."""

    document: dict[str, Any]
    base: str
    price: str


class Rotation(msgspec.Struct, forbid_unknown_fields=True):
    """Body of a rotation; 0 drops the old secret at once."""

    overlap_hours: int = 24


@post(
    "/",
    summary="Describe a service of your own; the secret of its requests is shown this once",
    opt=needs(Action.DESCRIBE, About.MERCHANT),
)
async def add(request: Asked, merchant: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """201 with the draft and its `secret` (hex); it is sold once it is listed."""
    by = asker_of(request).by
    wanted = await read_body(request, NewUpstream, BadUpstream)
    made, secret = await sell_upstream.draft(paddock, merchant, wanted.name, wanted.service, by)
    return answer(view(made, paddock) | {"secret": secret}, 201)


@post(
    "/import",
    status_code=200,
    summary="Describe a service for each operation of an OpenAPI 3 document",
    opt=needs(Action.DESCRIBE, About.MERCHANT),
)
async def imported(request: Asked, merchant: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """200 with the drafts, each with its `secret`, shown this once; and what was left out, and why."""
    by = asker_of(request).by
    wanted = await read_body(request, Import, BadUpstream)
    drafts, left = await bring(paddock, merchant, wanted.document, wanted.base, wanted.price, by)
    told = [view(made, paddock) | {"secret": secret} for made, secret in drafts]
    return answer({"drafts": told, "left_out": left})


@get("/", summary="A provider's own services, whatever their state", opt=needs(Action.SEE, About.MERCHANT))
async def listed(request: Asked, merchant: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """By name."""
    return answer({"services": [view(one, paddock) for one in await sell_upstream.owned(paddock, merchant)]})


@get("/{name:str}", summary="One of them, with the audit of its changes", opt=needs(Action.SEE, About.MERCHANT))
async def shown(request: Asked, merchant: FromPath[str], name: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """`changes` is newest first."""
    found = await sell_upstream.own(paddock, merchant, slug_of(merchant, name))
    async with paddock.db.read() as read:
        lines = await read.upstreams.changes(found.slug, MOST_LINES)
    told = [msgspec.to_builtins(line) | {"facts": msgspec.json.decode(line.facts)} for line in lines]
    return answer(view(found, paddock) | {"changes": told})


@put(
    "/{name:str}",
    summary="Describe it anew; what is on sale is probed first",
    opt=needs(Action.DESCRIBE, About.MERCHANT),
)
async def change(
    request: Asked, merchant: FromPath[str], name: FromPath[str], paddock: GivenPaddock
) -> Response[bytes]:
    """Quotes that are out keep their price until they expire."""
    by = asker_of(request).by
    described = await read_body(request, Described, BadUpstream)
    slug, gateway = slug_of(merchant, name), gateway_of(paddock)
    changed, findings = await sell_upstream.change(paddock, gateway, merchant, slug, described, by)
    return answer(view(changed, paddock) | {"findings": findings})


@post(
    "/{name:str}/probe",
    status_code=200,
    summary="Ask it as a buyer's payment would, and say what is wrong",
    opt=needs(Action.TEND, About.MERCHANT),
)
async def probed(
    request: Asked, merchant: FromPath[str], name: FromPath[str], paddock: GivenPaddock
) -> Response[bytes]:
    """200 with `findings`, good and bad."""
    found = await sell_upstream.own(paddock, merchant, slug_of(merchant, name))
    findings = await probe(found, post_of(paddock), gateway_of(paddock), paddock.clock)
    return answer({"findings": findings, "passed": passed(findings)})


@post(
    "/{name:str}/list",
    status_code=200,
    summary="Put it on sale, if the probe finds nothing against it",
    opt=needs(Action.TEND, About.MERCHANT),
)
async def enlist(
    request: Asked, merchant: FromPath[str], name: FromPath[str], paddock: GivenPaddock
) -> Response[bytes]:
    """Every process sells it within a second."""
    by = asker_of(request).by
    slug, gateway = slug_of(merchant, name), gateway_of(paddock)
    changed, findings = await sell_upstream.enlist(paddock, gateway, merchant, slug, by)
    return answer(view(changed, paddock) | {"findings": findings})


@post(
    "/{name:str}/pause", status_code=200, summary="Sell no more of it for now", opt=needs(Action.TEND, About.MERCHANT)
)
async def pause(request: Asked, merchant: FromPath[str], name: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """What was paid for is still answered."""
    by = asker_of(request).by
    slug = slug_of(merchant, name)
    return answer(view(await sell_upstream.rest(paddock, merchant, slug, UpstreamState.PAUSED, by), paddock))


@post("/{name:str}/delist", status_code=200, summary="Take it off the market", opt=needs(Action.TEND, About.MERCHANT))
async def delist(
    request: Asked, merchant: FromPath[str], name: FromPath[str], paddock: GivenPaddock
) -> Response[bytes]:
    """What was paid for is still answered; it can be listed again."""
    by = asker_of(request).by
    slug = slug_of(merchant, name)
    return answer(view(await sell_upstream.rest(paddock, merchant, slug, UpstreamState.DELISTED, by), paddock))


@post(
    "/{name:str}/rotate",
    status_code=200,
    summary="Change the secret of its requests; both sign for a while",
    opt=needs(Action.SECRETS, About.MERCHANT),
)
async def rotate(
    request: Asked, merchant: FromPath[str], name: FromPath[str], paddock: GivenPaddock
) -> Response[bytes]:
    """The new `secret` (hex), shown this once."""
    by = asker_of(request).by
    hours = (await read_body(request, Rotation, BadUpstream)).overlap_hours
    if not 0 <= hours <= LONGEST_OVERLAP:
        raise BadUpstream(f"overlap_hours: 0 to {LONGEST_OVERLAP}")
    slug, overlap = slug_of(merchant, name), timedelta(hours=hours)
    changed, secret = await sell_upstream.rotate(paddock, merchant, slug, overlap, by)
    return answer(view(changed, paddock) | {"secret": secret})


def view(upstream: Upstream, paddock: Paddock) -> dict[str, Any]:
    """JSON values; never the secret or its name."""
    return {
        "slug": upstream.slug,
        "state": upstream.state,
        "paid_url": f"{paddock.origin}/v1/{upstream.slug}",
        "url": upstream.url,
        "method": upstream.method,
        "title": upstream.title,
        "summary": upstream.summary,
        "kind": upstream.kind,
        "unit": upstream.unit,
        "amount": str(upstream.amount),
        "arguments": msgspec.json.decode(upstream.arguments),
        "example": msgspec.json.decode(upstream.example),
        "answers": msgspec.json.decode(upstream.answers) if upstream.answers else upstream.media_type,
        "tags": upstream.tags,
        "fulfilment": "after_settlement" if upstream.settles_first else "after_verification",
        "timeout_seconds": upstream.seconds,
        "quote_seconds": upstream.quote_seconds,
        "version": upstream.version,
        "changed_at": upstream.at,
        "changed_by": upstream.by,
        "old_secret_until": upstream.old_secret_until,
    }


def passed(findings: list[Finding]) -> bool:
    """Whether nothing in them keeps it from being sold."""
    return all(one.passed or one.warns for one in findings)


UPSTREAMS = Router(
    "/api/merchants/{merchant:str}/services",
    route_handlers=[add, imported, listed, shown, change, probed, enlist, pause, delist, rotate],
    tags=["providers"],
)
