"""When an endpoint is tried again: when the delivery is due, the endpoint no longer quiet, and a lane free."""

import hashlib
from datetime import timedelta

import pytest

from server.application.paddock import Paddock
from server.application.post import MOST_AT_ONCE, Post
from server.application.webhook import webhook
from server.domain.addresses import EgressRules
from server.domain.webhooks import Announcement, Endpoint, Kind, WebhookKeys, delivery_of, wait_after
from server.ports import Reply
from tests.fakes.courier import FakeCourier
from tests.fakes.paddocks import bare_paddock
from tests.fakes.samples import NOW

URL, ORDER = "https://hooks.example.com/paddock", "order-1"
MADE = Announcement("evt_1", "paddock", ORDER, 1, Kind.ORDER_SETTLED, NOW, b"{}")
DELIVERY = delivery_of(MADE, "we_1")
SUBJECT = f"we_1/{ORDER}"
APART = 1 + hashlib.sha256(DELIVERY.id.encode()).digest()[0] / 1024


async def waiting(clock, due=0.0, quiet=None) -> Paddock:
    """A message that is due, and an endpoint that is left alone until, so many seconds from now; it answers 500."""
    keys = WebhookKeys(1, {1: b"k" * 32})
    paddock = bare_paddock(clock, post=Post(keys, EgressRules(), FakeCourier()))
    paddock.post.courier.receivers[URL] = lambda _headers, _body: Reply(500, 2.0)
    quiet_until = None if quiet is None else NOW + timedelta(seconds=quiet)
    async with paddock.db.begin("made up") as work:
        await work.webhooks.add_endpoint(Endpoint("we_1", "paddock", URL, "", NOW, "1.a", quiet_until=quiet_until))
        await work.webhooks.announce(MADE, [delivery_of(MADE, "we_1")])
        delivery = await work.webhooks.delivery(DELIVERY.id)
        delivery.due = NOW + timedelta(seconds=due)
        await work.webhooks.save_delivery(delivery)
    return paddock


@pytest.mark.parametrize(
    ("due", "quiet", "wait"),
    [
        (7, None, 7),
        (7, 6, 7),
        (7, 7, 7),
        (7, 8, 8 * APART),
        (-1, 8, 8 * APART),
        (7, -1, 7),
    ],
)
async def test_nothing_is_sent_before_it_is_due_and_the_endpoint_no_longer_quiet(clock, due, quiet, wait):
    paddock = await waiting(clock, due, quiet)
    assert APART > 1
    assert await webhook(paddock, SUBJECT) == pytest.approx(wait)
    assert paddock.post.courier.posted == []


@pytest.mark.parametrize(("due", "quiet"), [(0, None), (-1, None), (0, 0), (-1, 0), (0, -1)])
async def test_what_is_due_is_sent_and_after_a_refusal_comes_again_when_it_is_due_next(clock, due, quiet):
    paddock = await waiting(clock, due, quiet)
    assert await webhook(paddock, SUBJECT) == pytest.approx(wait_after(1, 60, DELIVERY.id))
    assert len(paddock.post.courier.posted) == 1


async def test_who_finds_its_lane_taken_comes_back_after_a_share_of_what_the_last_attempt_took(clock):
    paddock = await waiting(clock)
    clock.advance(await webhook(paddock, SUBJECT))
    with paddock.post.lanes.enter("we_1", ORDER, MOST_AT_ONCE):
        assert await webhook(paddock, SUBJECT) == 2.0 / MOST_AT_ONCE
    assert len(paddock.post.courier.posted) == 1
