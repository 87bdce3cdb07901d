"""How strangers become merchants, and merchants are paid elsewhere."""

from litestar import Response, get, post, put
from litestar.params import FromPath

from server.application.join import Joining, Moving, join, move
from server.application.paddock import Paddock
from server.domain.errors import Misdirected
from server.domain.listing_errors import BadRegistration
from server.web.given import GivenCredentials, GivenPaddock
from server.web.merchant_api import Asked, answer, read_body, require_merchant
from server.web.origins import asked_origin

MOST_LINES = 100


@post("/api/merchants", tags=["providers"], summary="Become a merchant, by your wallet's signature")
async def joined(request: Asked, paddock: GivenPaddock) -> Response[bytes]:
    """201 with `api_key` and `api_secret`, shown this once."""
    made = await join(paddock, _origin(request, paddock), await read_body(request, Joining, BadRegistration))
    told = {"merchant": made.merchant.id, "name": made.merchant.name, "pay_to": made.merchant.pay_to}
    return answer(told | {"api_key": made.key, "api_secret": made.secret}, 201)


@get("/api/merchants/{merchant:str}", tags=["providers"], summary="Where a merchant is paid, and was")
async def shown(
    request: Asked, merchant: FromPath[str], paddock: GivenPaddock, credentials: GivenCredentials
) -> Response[bytes]:
    """`changes` is newest first."""
    require_merchant(request, paddock, credentials, merchant)
    async with paddock.db.read() as view:
        lines = await view.merchants.changes(merchant, MOST_LINES)
    known = paddock.merchants[merchant]
    return answer({"merchant": known.id, "name": known.name, "pay_to": known.pay_to, "changes": lines})


@put("/api/merchants/{merchant:str}/pay-to", tags=["providers"], summary="Be paid at another address")
async def moved(
    request: Asked, merchant: FromPath[str], paddock: GivenPaddock, credentials: GivenCredentials
) -> Response[bytes]:
    """Needs the signatures of the old and the new address beside the API key; counts in every server in 2 seconds."""
    require_merchant(request, paddock, credentials, merchant)
    made = await move(
        paddock, _origin(request, paddock), merchant, await read_body(request, Moving, BadRegistration), merchant
    )
    return answer({"merchant": made.id, "name": made.name, "pay_to": made.pay_to})


def _origin(request: Asked, paddock: Paddock) -> str:
    found = asked_origin(paddock, request)
    if found is None:
        raise Misdirected(f"the request's host is {request.headers.get('host', '')[:100]!r}")
    return found


JOIN_API = (joined, shown, moved)
