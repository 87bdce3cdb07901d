"""When an endpoint is tried again: when the delivery is due, the endpoint no longer quiet, and a lane free."""

import hashlib
from datetime import timedelta

import pytest

from server.application.paddock import Paddock
from server.application.post import MOST_AT_ONCE, Post
from server.application.webhook import webhook
from server.domain.addresses import EgressRules
from server.domain.errors import ConfigurationError
from server.domain.webhooks import (
    KEEP_TRYING,
    QUIET_AFTER,
    Announcement,
    DeliveryState,
    Endpoint,
    Kind,
    WebhookKeys,
    delivery_of,
    wait_after,
)
from server.ports import Reply
from tests.fakes.courier import FakeCourier
from tests.fakes.paddocks import bare_paddock
from tests.fakes.samples import NOW

URL, ORDER = "https://hooks.example.com/paddock", "order-1"
MADE = Announcement("evt_1", "paddock", ORDER, 1, Kind.ORDER_SETTLED, NOW, b"{}")
DELIVERY = delivery_of(MADE, "we_1")
SUBJECT = f"we_1/{ORDER}"
APART = 1 + hashlib.sha256(DELIVERY.id.encode()).digest()[0] / 1024


async def waiting(clock, due=0.0, quiet=None, answer=None, **changes) -> Paddock:
    """A message that is due, and an endpoint that is left alone until, so many seconds from now; it answers 500."""
    keys = WebhookKeys(1, {1: b"k" * 32})
    paddock = bare_paddock(clock, post=Post(keys, EgressRules(), FakeCourier()))
    paddock.post.courier.receivers[URL] = lambda _headers, _body: answer or Reply(500, 2.0)
    quiet_until = None if quiet is None else NOW + timedelta(seconds=quiet)
    async with paddock.db.begin("made up") as work:
        endpoint = Endpoint("we_1", "paddock", URL, "", NOW, "1.a", quiet_until=quiet_until, **changes)
        await work.webhooks.add_endpoint(endpoint)
        await work.webhooks.announce(MADE, [delivery_of(MADE, "we_1")])
        delivery = await work.webhooks.delivery(DELIVERY.id)
        delivery.due = NOW + timedelta(seconds=due)
        await work.webhooks.save_delivery(delivery)
    return paddock


async def told(paddock):
    """The endpoint and the delivery as they stand now."""
    async with paddock.db.read() as view:
        return await view.webhooks.endpoint("we_1"), await view.webhooks.delivery(DELIVERY.id)


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


async def test_where_nothing_waits_there_is_nothing_to_do(clock):
    paddock = await waiting(clock)
    assert await webhook(paddock, "we_1/order-2") is None
    assert paddock.post.courier.posted == []


async def test_what_waits_for_a_disabled_endpoint_is_given_up(clock):
    paddock = await waiting(clock, enabled=False)
    assert await webhook(paddock, SUBJECT) == 0.0
    _, delivery = await told(paddock)
    assert (delivery.state, delivery.error) == (DeliveryState.DEAD, "the endpoint is disabled")
    assert paddock.post.courier.posted == []
    assert await webhook(paddock, SUBJECT) is None


@pytest.mark.parametrize(
    ("failures", "early", "given_up"),
    [(QUIET_AFTER, 0, True), (QUIET_AFTER, 1, False), (QUIET_AFTER - 1, 0, False)],
    ids=["silent for three days", "silent, within its three days", "not silent"],
)
async def test_what_is_overdue_is_given_up_unasked_only_at_a_silent_endpoint(clock, failures, early, given_up):
    paddock = await waiting(clock, failures=failures)
    clock.advance(KEEP_TRYING.total_seconds() - early)
    await webhook(paddock, SUBJECT)
    _, delivery = await told(paddock)
    assert (delivery.error == "the endpoint could not be reached") is given_up
    assert len(paddock.post.courier.posted) == (0 if given_up else 1)


@pytest.mark.parametrize(("failures", "sent"), [(QUIET_AFTER - 1, 1), (QUIET_AFTER, 0)])
async def test_a_silent_endpoint_is_tried_by_one_order_at_a_time(clock, failures, sent):
    paddock = await waiting(clock, failures=failures)
    with paddock.post.lanes.enter("we_1", "order-2", MOST_AT_ONCE):
        await webhook(paddock, SUBJECT)
    assert len(paddock.post.courier.posted) == sent


@pytest.mark.parametrize(
    ("answer", "state", "enabled", "failures"),
    [
        (Reply(200, 0.1), DeliveryState.DELIVERED, True, 0),
        (Reply(500, 0.1), DeliveryState.WAITING, True, 0),
        (Reply(None, 0.1, error="no connection"), DeliveryState.WAITING, True, None),
        (Reply(410, 0.1), DeliveryState.DEAD, False, None),
    ],
    ids=["delivered", "refused", "no answer", "gone"],
)
@pytest.mark.parametrize("before", [0, 3])
async def test_an_answer_counts_for_its_endpoint_and_silence_and_410_against_it(
    clock, before, answer, state, enabled, failures
):
    paddock = await waiting(clock, answer=answer, failures=before)
    await webhook(paddock, SUBJECT)
    endpoint, delivery = await told(paddock)
    assert (delivery.state, endpoint.enabled) == (state, enabled)
    counted = before + (answer.status is None) if failures is None else failures
    assert endpoint.failures == counted
    gone = answer.status == 410
    assert (endpoint.note, delivery.error) == (
        ("it answered 410 Gone", "the endpoint is gone") if gone else ("", answer.error)
    )


@pytest.mark.parametrize(
    ("more", "after"), [(False, None), (True, 0.0)], ids=["nothing follows", "the order's next follows at once"]
)
@pytest.mark.parametrize("answer", [Reply(200, 0.1), Reply(500, 0.1)], ids=["delivered", "refused for the last time"])
async def test_the_orders_next_message_goes_at_once_when_one_has_ended(clock, answer, more, after):
    paddock = await waiting(clock, answer=answer)
    if more:
        second = Announcement("evt_2", "paddock", ORDER, 2, Kind.ORDER_FINAL, NOW, b"{}")
        async with paddock.db.begin("followed") as work:
            await work.webhooks.announce(second, [delivery_of(second, "we_1")])
    clock.advance(KEEP_TRYING.total_seconds() - 1)
    assert await webhook(paddock, SUBJECT) == after


async def test_a_process_without_a_courier_says_that_it_sends_nothing(clock):
    paddock = await waiting(clock)
    silent = bare_paddock(clock, db=paddock.db, post=Post(paddock.post.keys, EgressRules()))
    with pytest.raises(ConfigurationError, match="this process sends no webhooks"):
        await webhook(silent, SUBJECT)
