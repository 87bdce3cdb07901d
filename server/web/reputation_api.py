"""The JSON interface of standing: merchants' registration files, what reviews say, and a buyer's own review."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from protocol.errors import ProtocolError
from protocol.feedback import ACTION, file_hash, read_file, registry_name
from server.application.identities import registration_file
from server.application.paddock import Paddock
from server.application.review import review_order
from server.application.standings import Shown
from server.domain.errors import BadArguments, BadSignedRequest, UnknownMerchant, UnknownOrder
from server.domain.orders import Order
from server.domain.reputation import REPUTATION_REGISTRY
from server.domain.roles import Action
from server.web.access import needs
from server.web.api import as_json
from server.web.given import GivenCredentials, GivenPaddock
from server.web.parties import require_party
from server.web.standing import identity_json, standing_json


@get("/merchants/{merchant:str}/agent.json", tags=["market"], summary="A merchant's ERC-8004 registration file")
async def agent_file(merchant: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """It names the registries in which the merchant is registered, so that it points back at them."""
    shown = await paddock.standings.read(paddock.db, paddock.clock)
    return as_json(registration_file(paddock, merchant, list(shown.identities)))


@get(
    "/api/merchants/{merchant:str}/reputation",
    tags=["market"],
    summary="A merchant's identity and checked reviews",
    opt=needs(Action.ENTER),
)
async def merchant_reputation(merchant: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """Only reviews count behind which a payment was found on chain; each is weighted by its amount."""
    if merchant not in paddock.merchants:
        raise UnknownMerchant(f"there is no merchant {merchant[:80]!r} here")
    shown = await paddock.standings.read(paddock.db, paddock.clock)
    own = sorted(service.slug for service in paddock.services.values() if service.merchant == merchant)
    services = {slug: standing_json(shown.of_service(merchant, slug)) for slug in own}
    whole = standing_json(shown.of_merchant(merchant)) | {"identity": identity_json(shown.badge(merchant))}
    return as_json({"merchant": merchant} | whole | {"services": services})


@get("/api/orders/{order_id:str}/feedback", tags=["orders"], summary="What feedback on an order is about")
async def feedback_subject(order_id: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """The agent and the registries to name in a feedback file; nulls for a merchant without an identity there."""
    async with paddock.db.read() as view:
        order = await view.orders.get(order_id)
    if order is None:
        raise UnknownOrder("there is no order of that id")
    shown = await paddock.standings.read(paddock.db, paddock.clock)
    return as_json(_subject(paddock, order, shown))


@post(
    "/api/orders/{order_id:str}/feedback",
    status_code=201,
    tags=["orders"],
    summary="A buyer's review of its purchase, as an ERC-8004 feedback file",
)
async def give_feedback(
    request: Request[Any, Any, Any],
    order_id: FromPath[str],
    paddock: GivenPaddock,
    credentials: GivenCredentials,
) -> Response[bytes]:
    """For the order's payer alone, by a signed request for action `feedback` whose reason is keccak256 of the body."""
    content = await request.body()
    asked = await require_party(request, paddock, credentials, order_id, ACTION, staff=None, payer=True)
    if asked.signed is None or asked.signed.request.reason.lower() != file_hash(content):
        raise BadSignedRequest("the reason that is signed must be keccak256 of the body, in 0x-hex")
    try:
        file = read_file(content)
        review = await review_order(paddock, asked.order, file, content)
    except ProtocolError as error:
        raise BadArguments(f"the body is not a feedback file: {error.detail}", 400) from error
    proof = {"network": review.network, "transaction": review.transaction, "logIndex": review.log_index}
    return as_json(
        {"order": review.order_id, "score": review.score, "weight": str(review.weight), "payment": proof}, 201
    )


def _subject(paddock: Paddock, order: Order, shown: Shown) -> dict[str, Any]:
    network, merchant = order.terms.network, order.terms.merchant
    known = (one for one in shown.identities if (one.network, one.merchant) == (network, merchant))
    identity = next(known, None)
    registry = paddock.on(network).market.contracts.get(REPUTATION_REGISTRY)
    return {
        "agentRegistry": registry_name(network, identity.registry) if identity else None,
        "agentId": identity.agent_id if identity else None,
        "reputationRegistry": registry_name(network, registry.address) if registry and identity else None,
        "service": order.terms.service,
    }


REPUTATION_API: list[Any] = [agent_file, merchant_reputation, feedback_subject, give_feedback]
