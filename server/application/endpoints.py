"""Endpoints: what a merchant, or its operator, does with them: add, change, rotate, remove, try, send again."""

import secrets
from collections.abc import Sequence
from datetime import timedelta

from protocol.webhooks import encode_secret
from server.application.announce import WEBHOOK, announce_to
from server.application.post import Office, post_of
from server.domain.errors import BadWebhook, UnknownWebhook, WebhookConflict
from server.domain.webhooks import Endpoint, Kind, WebhookDelivery
from server.ports import UnitOfWork

MOST_ENDPOINTS = 10
"""Of one merchant."""
MOST_WORDS = 200
"""Characters of a description."""
OVERLAP = timedelta(hours=24)
LONGEST_OVERLAP = timedelta(days=7)


async def add(office: Office, merchant: str, url: str, description: str) -> tuple[Endpoint, str]:
    """A new endpoint and its secret (`whsec_…`), which is never shown again. Raises BadUrl, BadWebhook."""
    post = post_of(office)
    post.rules.check(url)
    endpoint = Endpoint(
        id=f"we_{secrets.token_hex(10)}",
        merchant=merchant,
        url=url,
        description=_checked(description),
        created_at=office.clock.now(),
        secret=post.keys.new(),
    )
    async with office.db.begin("webhook changed") as work:
        if len(await work.webhooks.endpoints_of(merchant)) >= MOST_ENDPOINTS:
            raise BadWebhook(f"a merchant has at most {MOST_ENDPOINTS} endpoints; remove one first")
        await work.webhooks.add_endpoint(endpoint)
    return endpoint, encode_secret(post.keys.secret(endpoint.id, endpoint.secret))


async def change(
    office: Office,
    merchant: str,
    endpoint_id: str,
    *,
    url: str | None = None,
    description: str | None = None,
    enabled: bool | None = None,
    by: str = "the merchant",
) -> Endpoint:
    """What is given is changed. An endpoint that is enabled, or moved, is tried at once. Raises BadUrl, BadWebhook."""
    async with office.db.begin("webhook changed") as work:
        endpoint = await _own(work, merchant, endpoint_id)
        if url is not None:
            post_of(office).rules.check(url)
            endpoint.url = url
        if description is not None:
            endpoint.description = _checked(description)
        if enabled is False:
            endpoint.disable(f"disabled by {by}")
        elif enabled:
            endpoint.enabled, endpoint.note = True, ""
        if enabled or url is not None:
            endpoint.wake()
        await work.webhooks.save_endpoint(endpoint)
    return endpoint


async def rotate(office: Office, merchant: str, endpoint_id: str, overlap: timedelta = OVERLAP) -> tuple[Endpoint, str]:
    """A new secret, shown once; for `overlap` messages carry signatures by both. Zero: the old one signs no more.

    Raises WebhookConflict while a rotation is under way, unless the overlap is zero: two secrets are the most.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise BadWebhook(f"the overlap is between 0 and {LONGEST_OVERLAP // timedelta(hours=1)} hours")
    post, now = post_of(office), office.clock.now()
    async with office.db.begin("webhook changed") as work:
        endpoint = await _own(work, merchant, endpoint_id)
        if overlap and endpoint.rotating(now):
            until = f"{endpoint.old_secret_until:%Y-%m-%d %H:%M} UTC"
            raise WebhookConflict(f"two secrets sign until {until}; wait, or rotate without overlap")
        endpoint.rotate(post.keys.new(), now, overlap)
        await work.webhooks.save_endpoint(endpoint)
    return endpoint, encode_secret(post.keys.secret(endpoint.id, endpoint.secret))


async def remove(office: Office, merchant: str, endpoint_id: str) -> None:
    """Send nothing more, and forget the secret. The log of its deliveries stays."""
    async with office.db.begin("webhook changed") as work:
        endpoint = await _own(work, merchant, endpoint_id)
        endpoint.disable("removed")
        endpoint.removed_at, endpoint.secret, endpoint.old_secret = office.clock.now(), "", None
        await work.webhooks.save_endpoint(endpoint)


async def try_out(office: Office, merchant: str, endpoint_id: str) -> WebhookDelivery:
    """Send a message that means nothing, in the same way as every other. Raises WebhookConflict."""
    async with office.db.begin("webhook asked for") as work:
        endpoint = _require_enabled(await _own(work, merchant, endpoint_id))
        stream = f"test_{secrets.token_hex(12)}"
        data = {"endpoint": endpoint.id}
        await announce_to(work, [endpoint.id], merchant, stream, None, Kind.TEST, data)
        delivery = await work.webhooks.next_delivery(endpoint.id, stream)
        assert delivery is not None
    return delivery


async def resend(office: Office, merchant: str, delivery_id: str, endpoint_id: str | None = None) -> WebhookDelivery:
    """Send a message again, now, under its old id: a receiver that had it does nothing. Raises WebhookConflict."""
    async with office.db.begin("webhook asked for") as work:
        delivery = await work.webhooks.delivery(_plain(delivery_id))
        if delivery is None or endpoint_id not in (None, delivery.endpoint_id):
            raise UnknownWebhook(f"there is no delivery {delivery_id}")
        endpoint = _require_enabled(await _own(work, merchant, delivery.endpoint_id))
        now = office.clock.now()
        delivery.reopen(now)
        await work.webhooks.save_delivery(delivery)
        await work.webhooks.note_health(endpoint.id, 0, None)
        await work.outbox.add(WEBHOOK, f"{endpoint.id}/{delivery.order_id}", now)
    return delivery


async def of(office: Office, merchant: str) -> Sequence[Endpoint]:
    """A merchant's endpoints, oldest first."""
    async with office.db.read() as view:
        return await view.webhooks.endpoints_of(merchant)


async def find(office: Office, endpoint_id: str) -> Endpoint:
    """Any merchant's, for the operator. Raises UnknownWebhook."""
    async with office.db.read() as view:
        return await _own(view, None, endpoint_id)


async def log(
    office: Office, merchant: str, endpoint_id: str, before: int | None, limit: int
) -> Sequence[WebhookDelivery]:
    """What was sent to an endpoint and what is to be, newest first. Raises UnknownWebhook."""
    async with office.db.read() as view:
        await _own(view, merchant, endpoint_id)
        return await view.webhooks.deliveries(endpoint_id, before, limit)


async def _own(work: UnitOfWork, merchant: str | None, endpoint_id: str) -> Endpoint:
    """The endpoint, of this merchant or, by None, of any. Raises UnknownWebhook also for another merchant's."""
    endpoint = await work.webhooks.endpoint(_plain(endpoint_id))
    if endpoint is None or merchant not in (None, endpoint.merchant) or endpoint.removed_at:
        raise UnknownWebhook(f"there is no endpoint {endpoint_id}")
    return endpoint


def _plain(name: str) -> str:
    """An id as it can be looked up; a database refuses what holds a zero byte. Raises UnknownWebhook."""
    if not (name.isascii() and name.isprintable()):
        raise UnknownWebhook("ids are made of letters, digits and underscores")
    return name


def _require_enabled(endpoint: Endpoint) -> Endpoint:
    if not endpoint.enabled:
        raise WebhookConflict(f"the endpoint is disabled ({endpoint.note}); enable it first")
    return endpoint


def _checked(description: str) -> str:
    if len(description) > MOST_WORDS or not (description.isprintable() or not description):
        raise BadWebhook(f"a description has at most {MOST_WORDS} characters, all of them printable, in one line")
    return description
