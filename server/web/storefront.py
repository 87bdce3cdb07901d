"""The storefront: what is on sale, searched and page by page, however much it is."""

from typing import Any

from litestar import Request, get
from litestar.params import FromQuery
from litestar.response import Template

from protocol.amounts import display
from server.web.given import GivenPaddock
from server.web.listing import example_url
from server.web.origins import link_origin
from server.web.pages import page
from server.web.price import price_of

MOST = 48
"""Services on a page."""
MOST_KINDS = 12


@get("/", include_in_schema=False)
async def storefront(
    request: Request[Any, Any, Any], paddock: GivenPaddock, q: FromQuery[str] = "", offset: FromQuery[int] = 0
) -> Template:
    """The catalogue from `offset` on, the best record first; `q` leaves the services that have all its words."""
    listed, offset = await paddock.listed(), max(offset, 0)
    count, found = listed.find(q, offset, MOST)
    shown = await paddock.standings.read(paddock.db, paddock.clock)
    asset = paddock.market.asset
    first = listed.first
    return page(
        "storefront.html",
        paddock,
        q=q,
        cards=[
            {
                "service": service,
                "price": price_of(service, asset),
                "standing": shown.of_service(service.merchant, service.slug),
                "record": listed.ranked.record(service.slug),
                "badge": shown.badge(service.merchant),
            }
            for service in found
        ],
        kinds=[kind for kind, _ in listed.kinds.most_common(MOST_KINDS)],
        found=count,
        everything=len(listed.services),
        before=max(offset - MOST, 0) if offset else None,
        after=offset + MOST if count > offset + MOST else None,
        first=first,
        first_url=example_url(first, link_origin(paddock, request)) if first else "",
        first_price=display(asset.amount(first.amount), asset.decimals) if first else "",
    )
