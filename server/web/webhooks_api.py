"""The JSON interface of webhooks: a merchant manages its endpoints with its API key."""

from datetime import timedelta
from typing import Any

import msgspec
from litestar import Response, Router, delete, get, patch, post
from litestar.params import FromPath, FromQuery

from server.application import endpoints
from server.domain.errors import BadWebhook
from server.domain.roles import Action
from server.domain.webhooks import Endpoint, WebhookDelivery
from server.web.access import About, needs
from server.web.given import GivenPaddock
from server.web.merchant_api import Asked, answer, read_body

MOST_LISTED = 100


class NewEndpoint(msgspec.Struct, forbid_unknown_fields=True):
    """Body of a registration."""

    url: str
    description: str = ""


class ChangedEndpoint(msgspec.Struct, forbid_unknown_fields=True):
    """Body of a change: what is left out stays."""

    url: str | None = None
    description: str | None = None
    enabled: bool | None = None


class Rotation(msgspec.Struct, forbid_unknown_fields=True):
    """Body of a rotation; 0 drops the old secret at once."""

    overlap_hours: int = endpoints.OVERLAP // timedelta(hours=1)


@post("/", summary="Register an endpoint; its secret is shown this once", opt=needs(Action.SECRETS, About.MERCHANT))
async def add(request: Asked, merchant: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """201 with the endpoint and its `secret`."""
    wanted = await read_body(request, NewEndpoint, BadWebhook)
    endpoint, secret = await endpoints.add(paddock, merchant, wanted.url, wanted.description)
    return answer({**endpoint_view(endpoint), "secret": secret}, 201)


@get("/", summary="A merchant's endpoints", opt=needs(Action.SEE, About.MERCHANT))
async def listed(request: Asked, merchant: FromPath[str], paddock: GivenPaddock) -> Response[bytes]:
    """Oldest first, without their secrets."""
    return answer({"webhooks": [endpoint_view(one) for one in await endpoints.of(paddock, merchant)]})


@patch("/{endpoint_id:str}", summary="Change, enable or disable an endpoint", opt=needs(Action.SECRETS, About.MERCHANT))
async def change(
    request: Asked,
    merchant: FromPath[str],
    endpoint_id: FromPath[str],
    paddock: GivenPaddock,
) -> Response[bytes]:
    """An endpoint that is enabled again is tried at once."""
    wanted = await read_body(request, ChangedEndpoint, BadWebhook)
    changes = msgspec.structs.asdict(wanted)
    return answer(endpoint_view(await endpoints.change(paddock, merchant, endpoint_id, **changes)))


@delete("/{endpoint_id:str}", summary="Remove an endpoint", opt=needs(Action.SECRETS, About.MERCHANT))
async def remove(
    request: Asked,
    merchant: FromPath[str],
    endpoint_id: FromPath[str],
    paddock: GivenPaddock,
) -> None:
    """204; what still waits is not sent."""
    await endpoints.remove(paddock, merchant, endpoint_id)


@post(
    "/{endpoint_id:str}/rotate",
    status_code=200,
    summary="Change the secret; both sign for a while",
    opt=needs(Action.SECRETS, About.MERCHANT),
)
async def rotate(
    request: Asked,
    merchant: FromPath[str],
    endpoint_id: FromPath[str],
    paddock: GivenPaddock,
) -> Response[bytes]:
    """The new `secret`, shown this once."""
    overlap = timedelta(hours=_bounded((await read_body(request, Rotation, BadWebhook)).overlap_hours))
    endpoint, secret = await endpoints.rotate(paddock, merchant, endpoint_id, overlap)
    return answer({**endpoint_view(endpoint), "secret": secret})


@post(
    "/{endpoint_id:str}/test",
    status_code=202,
    summary="Send a message that means nothing",
    opt=needs(Action.RESEND, About.MERCHANT),
)
async def test(
    request: Asked,
    merchant: FromPath[str],
    endpoint_id: FromPath[str],
    paddock: GivenPaddock,
) -> Response[bytes]:
    """202: a worker sends it; the log of deliveries tells how it went."""
    return answer(delivery_view(await endpoints.try_out(paddock, merchant, endpoint_id)), 202)


@get(
    "/{endpoint_id:str}/deliveries",
    summary="What was sent to an endpoint, and what waits",
    opt=needs(Action.SEE, About.MERCHANT),
)
async def deliveries(
    request: Asked,
    merchant: FromPath[str],
    endpoint_id: FromPath[str],
    paddock: GivenPaddock,
    before: FromQuery[int | None] = None,
    limit: FromQuery[int] = MOST_LISTED,
) -> Response[bytes]:
    """Newest first; `next` is the `before` of the following page, null on the last."""
    most = min(max(limit, 1), MOST_LISTED)
    found = await endpoints.log(paddock, merchant, endpoint_id, before, most)
    following = found[-1].number if len(found) == most else None
    return answer({"deliveries": [delivery_view(one) for one in found], "next": following})


@post(
    "/{endpoint_id:str}/deliveries/{delivery_id:str}/resend",
    status_code=202,
    summary="Send a message again",
    opt=needs(Action.RESEND, About.MERCHANT),
)
async def resend(
    request: Asked,
    merchant: FromPath[str],
    endpoint_id: FromPath[str],
    delivery_id: FromPath[str],
    paddock: GivenPaddock,
) -> Response[bytes]:
    """202; under the same `webhook-id`, so a receiver that had it does nothing."""
    return answer(delivery_view(await endpoints.resend(paddock, merchant, delivery_id, endpoint_id)), 202)


def endpoint_view(endpoint: Endpoint) -> dict[str, Any]:
    """JSON values; never the secret or its name."""
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "description": endpoint.description,
        "enabled": endpoint.enabled,
        "note": endpoint.note,
        "created_at": endpoint.created_at,
        "old_secret_until": endpoint.old_secret_until,
        "failures": endpoint.failures,
        "quiet_until": endpoint.quiet_until,
    }


def delivery_view(delivery: WebhookDelivery) -> dict[str, Any]:
    """JSON values."""
    waits = delivery.state == "waiting"
    return {
        "id": delivery.id,
        "event": delivery.announcement_id,
        "type": delivery.kind,
        "order": delivery.order_id,
        "sequence": delivery.sequence,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "last_attempt_at": delivery.attempted_at,
        "next_attempt_at": delivery.due if waits else None,
        "status": delivery.status,
        "latency_ms": delivery.latency_ms,
        "response": delivery.excerpt,
        "error": delivery.error,
    }


def _bounded(hours: int) -> int:
    """Within what a timedelta can hold; the use case has the real bounds."""
    return max(-1, min(hours, 10_000))


WEBHOOKS = Router(
    "/api/merchants/{merchant:str}/webhooks",
    route_handlers=[add, listed, change, remove, rotate, test, deliveries, resend],
    tags=["webhooks"],
)
