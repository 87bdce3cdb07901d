"""How strangers become merchants, and merchants are paid elsewhere."""

from litestar import Response, get, post, put
from litestar.params import FromPath

from server.application.join import Joining, Moving, join, move
from server.domain.listing_errors import BadRegistration
from server.domain.roles import Action
from server.web.access import About, asker_of, needs
from server.web.given import GivenPaddock
from server.web.merchant_api import Asked, answer, read_body
from server.web.origins import require_origin

MOST_LINES = 100


@post(
    "/api/merchants",
    tags=["providers"],
    summary="Become a merchant, by your wallet's signature",
    opt=needs(Action.ENTER),
)
async def joined(request: Asked, paddock: GivenPaddock) -> Response[bytes]:
    """201 with `api_key` and `api_secret`, shown this once."""
    made = await join(paddock, require_origin(paddock, request), await read_body(request, Joining, BadRegistration))
    told = {"merchant": made.merchant.id, "name": made.merchant.name, "pay_to": made.merchant.pay_to}
    return answer(told | {"api_key": made.key, "api_secret": made.secret}, 201)


@get(
    "/api/merchants/{merchant:str}",
    tags=["providers"],
    summary="Where a merchant is paid, and was",
    opt=needs(Action.SEE, About.MERCHANT),
)
async def shown(request: Asked, merchant: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """`changes` is newest first."""
    async with paddock.db.read() as view:
        lines = await view.merchants.changes(merchant, MOST_LINES)
    known = paddock.merchants[merchant]
    return answer({"merchant": known.id, "name": known.name, "pay_to": known.pay_to, "changes": lines})


@put(
    "/api/merchants/{merchant:str}/pay-to",
    tags=["providers"],
    summary="Be paid at another address",
    opt=needs(Action.MOVE, About.MERCHANT),
)
async def moved(request: Asked, merchant: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """Needs the signatures of the old and the new address beside the API key; counts in every server in 2 seconds."""
    made = await move(
        paddock,
        require_origin(paddock, request),
        merchant,
        await read_body(request, Moving, BadRegistration),
        asker_of(request).by,
    )
    return answer({"merchant": made.id, "name": made.name, "pay_to": made.pay_to})


JOIN_API = (joined, shown, moved)
