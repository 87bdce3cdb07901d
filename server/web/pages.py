"""The public pages: one of each service, the HTTP reference; and how every page is rendered."""

import hashlib
import json
import re
import shlex
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request, Response, get
from litestar.datastructures import CacheControlHeader
from litestar.params import FromPath
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template
from litestar.static_files import create_static_files_router
from litestar.template.config import TemplateConfig
from markupsafe import Markup, escape

from protocol import headers
from protocol.amounts import display
from protocol.intent import Intent
from protocol.networks import v1_name
from server.application.paddock import Paddock
from server.application.quote import quote
from server.domain.errors import PaddockError, UnknownService
from server.payments import mode_named
from server.services.arguments import published
from server.services.service import Service
from server.web.given import GivenPaddock
from server.web.listing import example_url
from server.web.origins import link_origin
from server.web.price import price_of
from server.web.reference import document, fields, sections
from server.web.tools import PATH as TOOLS_PATH

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
STATIC = (Path(__file__).resolve().parent / "static", TEMPLATES / "static")
"""The marketplace's own files, and those that the agent's console has too."""
_CODE = re.compile(r"`([^`]+)`")


@cache
def static(name: str) -> str:
    """The URL of a static file, which changes with its content."""
    file = next(folder / name for folder in STATIC if (folder / name).exists())
    return f"/static/{name}?v={hashlib.sha256(file.read_bytes()).hexdigest()[:10]}"


def short(value: str) -> str:
    """A hash, address or id for people: its beginning and its end."""
    return f"{value[:6]}…{value[-4:]}" if len(value) > 13 else value


def coded(text: str) -> Markup:
    """Text with `backticks` as code; everything else in it is escaped."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))


def ago(moment: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that fits."""
    seconds = max(0, int((now - moment).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def units(amount: int, decimals: int) -> str:
    """An amount with four decimals at most, cut and not rounded: a balance is never shown higher than it is."""
    coarse = max(0, decimals - 4)
    return display(amount // int(10**coarse), decimals - coarse)


def pretty(value: Any) -> str:
    """JSON for reading."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.globals |= {"static": static, "mode_words": lambda name: mode_named(name).words}
ENVIRONMENT.filters |= {
    "short": short,
    "coded": coded,
    "ago": ago,
    "pretty": pretty,
    "units": units,
    "quoted": shlex.quote,
}
_TEXTS = ENVIRONMENT.overlay(autoescape=False)
"""For snippets: they are text, and escaped where a page shows them."""
TEMPLATE_CONFIG = TemplateConfig(instance=JinjaTemplateEngine.from_environment(ENVIRONMENT))
STATIC_FILES = create_static_files_router(
    "/static", list(STATIC), cache_control=CacheControlHeader(max_age=31_536_000, public=True, immutable=True)
)


def page(name: str, paddock: Paddock, status: int = 200, **context: Any) -> Template:
    """A page from its template; `site` and `now` are there in each."""
    return Template(
        name,
        status_code=status,
        context={"site": site(paddock), "now": paddock.clock.now(), **context},
        headers={"Cache-Control": "no-store" if name.startswith("console/") else "no-cache"},
    )


def on_page_error(request: Request[Any, Any, Any], error: PaddockError) -> Response[Any]:
    """One of our own errors, as a page."""
    return page("problem.html", request.app.state.paddock, error.status, error=error)


@get("/services/{slug:str}", include_in_schema=False, exception_handlers={PaddockError: on_page_error})
async def service_page(request: Request[Any, Any, Any], slug: FromPath[str], paddock: GivenPaddock) -> Template:
    """One service: price, arguments, answer, how to buy it, and what happens when it fails."""
    service = paddock.services.get(slug)
    if service is None:
        raise UnknownService(f"{slug[:80]!r} is not on sale here")
    origin = link_origin(paddock, request)
    schemas = published(service)
    contract = paddock.market.contracts[service.callback] if service.callback else None
    url = example_url(service, origin)
    body = json.dumps(service.example) if service.method == "POST" else ""
    price = price_of(service, paddock.market.asset)
    tools = f"{origin}{TOOLS_PATH}"
    call = {"service": service, "url": url, "body": body, "price": price, "site": site(paddock), "tools": tools}
    terms = msgspec.to_builtins(await quote(paddock, service, _example_call(paddock, service, origin, body), origin))
    offer = terms["accepts"][0]
    shown = await paddock.standings.read(paddock.db, paddock.clock)
    listed = await paddock.listed()
    return page(
        "service.html",
        paddock,
        service=service,
        price=price,
        merchant=paddock.merchants[service.merchant],
        standing=shown.of_service(service.merchant, service.slug),
        badge=shown.badge(service.merchant),
        record=listed.ranked.record(service.slug),
        pay_to=offer["payTo"],
        contract=contract,
        page_url=example_url(service, paddock.prefix),
        tools=tools,
        snippets={
            name: _TEXTS.get_template(f"snippets/{name}.txt").render(call)
            for name in ("agent", "python", "javascript", "mcp", "curl")
        },
        arguments=fields(schemas["arguments"]),
        arguments_about=schemas["arguments"].get("description", ""),
        answer=fields(schemas["answer"]) if schemas["answer"] else [],
        answer_schema=schemas["answer"],
        terms=terms,
        terms_header=headers.PAYMENT_REQUIRED,
    )


@get("/docs", include_in_schema=False)
async def reference_page(request: Request[Any, Any, Any], paddock: GivenPaddock) -> Template:
    """Every path of this server, rendered here from the same document that /openapi.json is."""
    full = document(request.app.openapi_schema.to_schema(), paddock)
    return page("reference.html", paddock, sections=sections(full), about=full["info"]["description"])


def site(paddock: Paddock) -> dict[str, Any]:
    """What every page says of this marketplace; `base` goes before each path."""
    market = paddock.market
    return {
        "base": paddock.prefix,
        "network": market.network,
        "network_name": v1_name(market.network).removeprefix("paddock-"),
        "test": market.test,
        "symbol": market.asset.symbol,
        "asset": market.asset.address,
        "signer": paddock.receipts.address,
    }


def _example_call(paddock: Paddock, service: Service, origin: str, body: str) -> Intent:
    """The example as the paywall sees it."""
    return Intent(
        method=service.method,
        authority=urlsplit(origin).netloc,
        target=example_url(service, paddock.prefix).encode(),
        content_type="application/json" if body else "",
        body=body.encode(),
        tenant=service.merchant,
    )
