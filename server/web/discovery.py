"""How programs find what is on sale: Bazaar listing and search, /.well-known/x402, llms.txt."""

from heapq import nsmallest
from typing import Annotated, Any

from litestar import MediaType, Request, get
from litestar.exceptions import ValidationException
from litestar.params import FromQuery, QueryParameter

from server.services.service import words_of
from server.web.given import GivenPaddock
from server.web.listing import bazaar_item, example_url
from server.web.origins import link_origin
from server.web.price import price_of
from server.web.receipts_api import published_anchor
from server.web.tools import PATH as TOOLS_PATH

MOST = 100
Wanted = Annotated[str, QueryParameter(name="query")]
"""The parameter `query`, by another name here: Litestar keeps that one for itself."""


@get("/discovery/resources", tags=["discovery"], summary="Bazaar listing")
async def resources(
    request: Request[Any, Any, Any], paddock: GivenPaddock, limit: FromQuery[int] = 20, offset: FromQuery[int] = 0
) -> dict[str, Any]:
    """`limit` from 1 to 100, `offset` from 0; every item carries a standing price."""
    if not 1 <= limit <= MOST or offset < 0:
        raise ValidationException(f"limit goes from 1 to {MOST}, offset from 0")
    everything = list(paddock.services.values())
    shown = await paddock.standings.read(paddock.db, paddock.clock)
    return {
        "x402Version": 2,
        "items": [
            bazaar_item(paddock, service, link_origin(paddock, request), shown)
            for service in everything[offset : offset + limit]
        ],
        "pagination": {"limit": limit, "offset": offset, "total": len(everything)},
    }


@get("/discovery/search", tags=["discovery"], summary="Bazaar search")
async def search(
    request: Request[Any, Any, Any], paddock: GivenPaddock, wanted: Wanted = "", limit: FromQuery[int] = 20
) -> dict[str, Any]:
    """Services whose description shares words with the query; most shared words first, then the cheaper one."""
    if not 1 <= limit <= MOST:
        raise ValidationException(f"limit goes from 1 to {MOST}")
    asked = words_of(wanted)
    scored = [(len(asked & service.words), service) for service in paddock.services.values()]
    found = nsmallest(limit, (pair for pair in scored if pair[0]), key=lambda pair: (-pair[0], pair[1].amount))
    origin, shown = link_origin(paddock, request), await paddock.standings.read(paddock.db, paddock.clock)
    return {
        "x402Version": 2,
        "resources": [bazaar_item(paddock, service, origin, shown) for _, service in found],
        "pagination": None,
    }


@get("/.well-known/x402", include_in_schema=False)
async def well_known(request: Request[Any, Any, Any], paddock: GivenPaddock) -> dict[str, Any]:
    """What this marketplace is: its resources and networks, who signs its receipts, and where those are anchored."""
    market = paddock.market
    return {
        "x402Version": 2,
        "origins": list(paddock.origins),
        "receiptSigner": paddock.receipts.address,
        "receiptSigners": list(paddock.receipt_signers),
        "receiptDomain": {"name": "Paddock receipt", "version": "1", "chainId": market.chain_id},
        "anchor": published_anchor(paddock),
        "networks": [
            {"network": ground.market.network, "asset": asset.address, "symbol": asset.symbol, "method": asset.method}
            for ground in paddock.grounds.values()
            for asset in ground.market.assets
        ],
        "mcp": f"{link_origin(paddock, request)}{TOOLS_PATH}",
        "resources": [f"{link_origin(paddock, request)}/v1/{slug}" for slug in paddock.services],
    }


@get("/llms.txt", media_type=MediaType.TEXT, include_in_schema=False)
async def llms(request: Request[Any, Any, Any], paddock: GivenPaddock) -> str:
    """The marketplace in words for a model: how to pay, and one line a service."""
    asset, origin = paddock.market.asset, link_origin(paddock, request)
    lines = [
        "# Paddock",
        "",
        "> Services that software buys per call. Ask a route, get HTTP 402 with terms in PAYMENT-REQUIRED (x402 v2),",
        "> sign the payment that they ask for, ask again with PAYMENT-SIGNATURE, and read answer and receipt.",
        "> `exact` costs what the terms say; `upto` at most that: you are charged for what the call used.",
        "",
        f"Prices are in {asset.symbol} on {paddock.market.network}. As JSON: {origin}/api/services",
        f"As tools of MCP, the Model Context Protocol: {origin}{TOOLS_PATH}",
        "",
        "## Services",
    ]
    for service in paddock.services.values():
        link = f"[{service.title}]({example_url(service, origin)})"
        lines.append(f"- {link}: {service.method}, {price_of(service, asset).words}. {service.summary}")
    return "\n".join(lines) + "\n"
