"""How programs find what is on sale: Bazaar listing and search, /.well-known/x402, llms.txt."""

from typing import Annotated, Any

from litestar import MediaType, Request, get
from litestar.exceptions import ValidationException
from litestar.params import FromQuery, QueryParameter

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
    """`limit` from 1 to 100, `offset` from 0; the best record first, and every item with a standing price."""
    if not 1 <= limit <= MOST or offset < 0:
        raise ValidationException(f"limit goes from 1 to {MOST}, offset from 0")
    listed = await paddock.listed()
    shown = await paddock.standings.read(paddock.db, paddock.clock)
    return {
        "x402Version": 2,
        "items": [
            bazaar_item(paddock, service, link_origin(paddock, request), shown, listed.ranked)
            for service in listed.services[offset : offset + limit]
        ],
        "pagination": {"limit": limit, "offset": offset, "total": len(listed.services)},
    }


@get("/discovery/search", tags=["discovery"], summary="Bazaar search")
async def search(
    request: Request[Any, Any, Any], paddock: GivenPaddock, wanted: Wanted = "", limit: FromQuery[int] = 20
) -> dict[str, Any]:
    """Services that share words with the query: what fits best and has the best record first, then the cheaper one."""
    if not 1 <= limit <= MOST:
        raise ValidationException(f"limit goes from 1 to {MOST}")
    listed = await paddock.listed()
    origin, shown = link_origin(paddock, request), await paddock.standings.read(paddock.db, paddock.clock)
    return {
        "x402Version": 2,
        "resources": [bazaar_item(paddock, one, origin, shown, listed.ranked) for one in listed.search(wanted, limit)],
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
        "test": market.test,
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
