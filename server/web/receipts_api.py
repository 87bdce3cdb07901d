"""The JSON interface of proofs: a receipt with its place and anchor, and a merchant's chain page by page."""

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.exceptions import ValidationException
from litestar.params import FromPath, FromQuery, QueryParameter

from server.application.anchor import site_of
from server.application.bundle import LONGEST_PAGE, bundle, chain_page
from server.application.paddock import Paddock
from server.domain.roles import Action
from server.web.access import needs, who
from server.web.given import GivenCredentials, GivenPaddock
from server.web.merchant_api import answer
from server.web.parties import require_party

First = Annotated[int, QueryParameter(name="from")]
"""The parameter `from`, by another name here: Python keeps that one for itself."""


@get("/api/orders/{order_id:str}/receipt", tags=["orders"], summary="A receipt with all that proves it")
async def receipt(
    request: Request[Any, Any, Any],
    order_id: FromPath[str],
    paddock: GivenPaddock,
    credentials: GivenCredentials,
) -> Response[bytes]:
    """The signed receipt, its place in the merchant's chain, the Merkle proof to the anchored root; kept for ever."""
    await require_party(request, paddock, credentials, order_id, "receipt", staff=Action.SEE, payer=True)
    return answer(await bundle(paddock, order_id))


@get(
    "/api/merchants/{merchant:str}/receipts",
    tags=["orders"],
    summary="A merchant's chain of receipts",
    opt=needs(Action.ENTER),
)
async def chain(
    request: Request[Any, Any, Any],
    merchant: FromPath[str],
    paddock: GivenPaddock,
    credentials: GivenCredentials,
    first: First = 0,
    limit: FromQuery[int] = 100,
) -> Response[bytes]:
    """Hashes for everybody, so that anybody can hold the chain against its anchor; what was signed for its owner.

    `from` is the first entry's index, `limit` goes from 1 to 500; `next` asks for the rest.
    """
    if not (1 <= limit <= LONGEST_PAGE and 0 <= first < 2**31):
        raise ValidationException(f"limit goes from 1 to {LONGEST_PAGE}, from is an index from 0 on")
    asker = await who(request, paddock, credentials, pages=False)
    whole = merchant in paddock.merchants and asker.owns(merchant)
    return answer(await chain_page(paddock, merchant, first, limit, whole=whole))


def published_anchor(paddock: Paddock) -> dict[str, str] | None:
    """What /.well-known/x402 says of where roots are anchored, and by whose key; None where they are not."""
    site = site_of(paddock)
    return {"network": site.network, "contract": site.contract, "publisher": site.publisher} if site else None
