"""Webhook: bring the next message of an order to an endpoint, and write down what came of it."""

import hashlib
from datetime import datetime

from protocol.webhooks import sign
from server.application.paddock import Paddock
from server.application.post import MOST_AT_ONCE, Post, post_of
from server.application.tracing import passed_on
from server.domain.errors import ConfigurationError
from server.domain.webhooks import GONE, DeliveryState, Endpoint, WebhookDelivery
from server.ports import Courier, Reply, UnitOfWork


async def webhook(paddock: Paddock, subject: str) -> float | None:
    """One attempt at `<endpoint>/<order>`; None when nothing waits there, else seconds until the next look.

    May be run twice at once: the message goes out twice, under one id, and one outcome is written down.
    """
    endpoint_id, _, order_id = subject.partition("/")
    async with paddock.db.read() as view:
        endpoint = await view.webhooks.endpoint(endpoint_id)
        delivery = await view.webhooks.next_delivery(endpoint_id, order_id)
        body = await view.webhooks.body(delivery.announcement_id) if delivery else b""
    if endpoint is None or delivery is None:
        return None
    now = paddock.clock.now()
    if not endpoint.enabled:
        return await _give_up(paddock, delivery, "the endpoint is disabled")
    if endpoint.silent and delivery.overdue(now):
        return await _give_up(paddock, delivery, "the endpoint could not be reached")
    wait = _seconds_left(endpoint, delivery, now)
    return wait if wait > 0 else await _attempt(paddock, endpoint, delivery, body)


async def _attempt(paddock: Paddock, endpoint: Endpoint, delivery: WebhookDelivery, body: bytes) -> float | None:
    post = post_of(paddock)
    most = 1 if endpoint.silent else MOST_AT_ONCE
    with post.lanes.enter(endpoint.id, delivery.order_id, most) as free:
        if not free:
            return post.lanes.wait(endpoint.id, paddock.clock.now())
        now = paddock.clock.now()
        names = endpoint.signing(now)
        secrets = [post.keys.secret(endpoint.id, name) for name in names]
        headers = sign(secrets, delivery.id, int(now.timestamp()), body) | passed_on()
        reply = await _courier(post).post(endpoint.url, body, headers)
        post.lanes.took(endpoint.id, reply.seconds)
        return await _record(paddock, endpoint, delivery, reply)


async def _record(paddock: Paddock, endpoint: Endpoint, delivery: WebhookDelivery, reply: Reply) -> float | None:
    now = paddock.clock.now()
    delivery.attempts += 1
    delivery.attempted_at, delivery.status, delivery.latency_ms = now, reply.status, round(reply.seconds * 1000)
    delivery.excerpt, delivery.error = reply.excerpt, reply.error
    if reply.status is not None and 200 <= reply.status < 300:
        delivery.succeed()
    elif reply.status == GONE:
        delivery.give_up("the endpoint is gone")
    else:
        delivery.fail(now)
    async with paddock.db.begin("webhook recorded") as work:
        await work.webhooks.save_delivery(delivery)
        if reply.status in (None, GONE) or endpoint.failures:
            await _judge(work, endpoint, reply, now)
        following = await work.webhooks.next_delivery(endpoint.id, delivery.order_id)
    if following is None:
        return None
    return 0.0 if delivery.state is not DeliveryState.WAITING else (delivery.due - now).total_seconds()


async def _judge(work: UnitOfWork, tried: Endpoint, reply: Reply, now: datetime) -> None:
    """What the attempt says of the endpoint itself, unless it was moved meanwhile."""
    endpoint = await work.webhooks.endpoint(tried.id)
    if endpoint is None or endpoint.url != tried.url:
        return
    if reply.status == GONE:
        endpoint.disable("it answered 410 Gone")
        await work.webhooks.save_endpoint(endpoint)
    elif reply.status is None:
        endpoint.miss(now)
        await work.webhooks.note_health(endpoint.id, endpoint.failures, endpoint.quiet_until)
    else:
        await work.webhooks.note_health(endpoint.id, 0, None)


async def _give_up(paddock: Paddock, delivery: WebhookDelivery, why: str) -> float:
    delivery.give_up(why)
    async with paddock.db.begin("webhook given up") as work:
        await work.webhooks.save_delivery(delivery)
    return 0.0


def _seconds_left(endpoint: Endpoint, delivery: WebhookDelivery, now: datetime) -> float:
    """Until both may be tried again. Those who wait for one endpoint come back a little apart."""
    if endpoint.quiet_until and endpoint.quiet_until > max(now, delivery.due):
        left = (endpoint.quiet_until - now).total_seconds()
        return left * (1 + hashlib.sha256(delivery.id.encode()).digest()[0] / 1024)
    return (delivery.due - now).total_seconds()


def _courier(post: Post) -> Courier:
    if post.courier is None:
        raise ConfigurationError("this process sends no webhooks")
    return post.courier
