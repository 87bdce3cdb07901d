"""Merchants are told what happened: everything, once in effect, in order, and written with the change itself."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from server.application.announce import announce
from server.application.cases import open_case
from server.application.decide import Decision, decide
from server.application.post import MOST_AT_ONCE, Lanes
from server.application.webhook import webhook
from server.domain.cases import CaseKind, Outcome
from server.domain.webhooks import QUIET_AFTER, Kind, kinds_of
from server.ports import Reply
from tests.simulation.webhook_world import buy, listening, with_other_parts
from tests.simulation.world import open_world
from tests.stack.invariants import assert_no_secrets


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened
        await assert_told_what_happened(opened)


async def assert_told_what_happened(world):
    """Each order's announcements are those that follow from its timeline, numbered without a gap."""
    tables = world.db.tables
    for order in await world.orders():
        made = [row for row in tables.announcements.values() if row.order_id == order.id]
        assert [row.sequence for row in made] == list(range(1, len(made) + 1))
        told = [row.kind for row in made if row.kind.startswith("order.")]
        events = [event for event in tables.events if event.order_id == order.id]
        follows = [kind for event in events for kind in kinds_of(order, [event])]
        runs = [follows[start : start + len(told)] for start in range(len(follows) + 1)]
        assert told in runs, "all of it, from the first endpoint's registration to the last one's end"


# ------------------------------------------------------------------------------------------------------ what is told


async def test_a_purchase_is_told_from_settlement_to_finality(world):
    merchant = await listening(world)
    quoted, _ = await buy(world, "echo")
    await world.work(60)
    assert merchant.types(quoted.id) == ["order.settled", "order.delivered", "order.final"]
    messages = list(merchant.handled.values())
    assert [one.sequence for one in messages] == [1, 2, 3]
    assert {(one.merchant, one.version) for one in messages} == {("paddock", 1)}
    assert messages[0].order["transactions"]["settlement"].startswith("0x")
    assert messages[2].order["final_at"] is not None
    assert len(merchant.received) == 3, "each was sent once"


async def test_a_failed_callback_is_told_with_every_step_of_the_money_back(world):
    await buy(world, "launch-pass")
    merchant = await listening(world)
    quoted, answer = await buy(world, "launch-pass")
    assert answer.status_code == 502
    await world.work(60)
    assert merchant.types(quoted.id) == [
        "order.settled", "order.failed", "order.refund_due", "order.refunded", "order.final",
    ]  # fmt: skip


async def test_a_message_says_no_more_than_the_public_status(world):
    merchant = await listening(world)
    quoted, answer = await buy(world, "echo", "?text=my-own-words")
    await world.work(60)
    public = (await world.client.get(f"/api/orders/{quoted.id}")).json()
    for message in merchant.handled.values():
        assert set(message.order) <= set(public)
    sent = "".join(body.decode() + str(dict(headers)) for _, headers, body in world.courier.posted)
    assert world.buyer.account.address.lower() not in sent.lower()
    assert "my-own-words" not in sent
    assert answer.json()["text"] == "my-own-words"
    assert_no_secrets(sent, world.buyer.signed, merchant.secrets)


async def test_other_parts_announce_by_one_call_in_their_own_unit_of_work(world):
    merchant = await listening(world)
    quoted, _ = await buy(world, "echo")
    async with world.paddock.db.begin("test") as work:
        await announce(work, "paddock", quoted.id, Kind.CASE_OPENED, {"case": "case-1"})
    await world.work(60)
    (told,) = [one for one in merchant.handled.values() if one.type == "case.opened"]
    assert (told.data, told.order["id"], told.sequence) == ({"case": "case-1"}, quoted.id, 3)


async def test_who_has_no_endpoint_costs_no_row(world):
    await buy(world, "echo")
    await world.work(60)
    assert not world.db.tables.announcements
    assert not [job for job in world.db.tables.jobs if job.startswith("webhook")]


@pytest.mark.parametrize("when", ["begin", "commit"])
async def test_w1_what_did_not_happen_is_not_told_and_what_did_is(world, when):
    """The unit that settles is lost; the message is lost with it, and comes with the next that does not fail."""
    merchant = await listening(world)
    lost = []

    def lose(name, moment):
        if name == "settled" and moment == when and not lost:
            lost.append(name)
            raise RuntimeError("the process dies here")

    world.db.hooks.append(lose)
    quoted = await world.buyer.ask(world.url("echo"))
    await world.buyer.present(quoted, world.buyer.pay(quoted))
    assert lost
    assert not world.db.tables.announcements
    await world.work(120)
    assert merchant.types(quoted.id) == ["order.settled", "order.delivered", "order.final"]


# ------------------------------------------------------------------------------------------------- in order, and once


async def test_w6_the_next_message_of_an_order_waits_for_the_one_before(world):
    merchant = await listening(world)
    merchant.answers = [500, 503, None]
    quoted, _ = await buy(world, "echo")
    await world.work(300)
    assert merchant.types(quoted.id) == ["order.settled", "order.delivered", "order.final"]
    first, *rest = (row["id"] for row in await merchant.log())
    assert merchant.received[:4] == [first] * 4
    assert merchant.received[4:] == rest


async def test_w6_an_order_that_fails_does_not_hold_up_another(world):
    merchant = await listening(world)
    good = merchant.__call__

    def poisoned(headers, body):
        return Reply(500, 0.01) if first.id.encode() in body else good(headers, body)

    world.courier.receivers[merchant.url] = poisoned
    first, _ = await buy(world, "echo")
    second, _ = await buy(world, "echo")
    await world.work(60)
    assert merchant.types(first.id) == []
    assert merchant.types(second.id) == ["order.settled", "order.delivered", "order.final"]
    world.courier.receivers[merchant.url] = merchant
    await world.work(300)
    assert merchant.types(first.id) == ["order.settled", "order.delivered", "order.final"]


@pytest.mark.parametrize("when", ["begin", "commit", "committed"])
async def test_w6_a_worker_that_dies_between_sending_and_writing_sends_it_again_under_its_id(world, when):
    merchant = await listening(world)
    dead = []

    def die(name, moment):
        if name == "webhook recorded" and moment == when and not dead:
            dead.append(name)
            raise RuntimeError("the process dies here")

    world.db.hooks.append(die)
    quoted, _ = await buy(world, "echo")
    await world.work(120)
    assert merchant.types(quoted.id) == ["order.settled", "order.delivered", "order.final"]
    assert len(merchant.received) == (3 if when == "committed" else 4)
    assert len(set(merchant.received)) == 3


async def test_w6_two_workers_on_one_order_tell_it_once_in_effect(world):
    merchant = await listening(world)
    quoted, _ = await buy(world, "echo")
    other = with_other_parts(world, lanes=Lanes())
    subject = f"{merchant.endpoint}/{quoted.id}"
    await asyncio.gather(*(webhook(one, subject) for one in (world.paddock, other)), return_exceptions=True)
    await world.work(60)
    assert merchant.types(quoted.id) == ["order.settled", "order.delivered", "order.final"]
    assert [row["state"] for row in await merchant.log()] == ["delivered"] * 3


async def test_w6_what_happens_while_the_last_message_is_on_its_way_is_told_too(world):
    """The job is neither closed over it nor forgotten."""
    merchant = await listening(world)
    quoted, _ = await buy(world, "echo")
    await world.work(60)
    meanwhile = [Kind.CASE_OPENED, Kind.CASE_CLOSED]

    class Busy:
        async def post(self, url, body, headers):
            if meanwhile:
                async with world.paddock.db.begin("test") as work:
                    await announce(work, "paddock", quoted.id, meanwhile.pop(0), {})
            return merchant(headers, body)

    world.paddock = with_other_parts(world, courier=Busy())
    await merchant.api("POST", f"/{merchant.endpoint}/deliveries/{merchant.received[-1]}/resend")
    await world.work(60)
    assert merchant.types(quoted.id)[3:] == ["case.opened", "case.closed"]


async def test_w6_what_happens_when_the_last_message_has_just_arrived_is_told_too(world):
    """Between the look that finds nothing more and the job's end."""
    merchant = await listening(world)
    quoted, _ = await buy(world, "echo")
    await world.work(60)
    async with world.paddock.db.begin("test") as work:
        await announce(work, "paddock", quoted.id, Kind.CASE_OPENED, {})
    async with world.db.begin("jobs taken") as work:
        now = world.clock.now()
        (job,) = [job for job in await work.outbox.take(now, now, 100) if job.topic == "webhook"]
    assert await webhook(world.paddock, job.subject) is None
    async with world.paddock.db.begin("test") as work:
        await announce(work, "paddock", quoted.id, Kind.CASE_CLOSED, {})
    async with world.db.begin("job") as work:
        await work.outbox.finish(job)
    await world.work(60)
    assert merchant.types(quoted.id)[3:] == ["case.opened", "case.closed"]


async def test_w6_what_the_receiver_had_is_not_done_twice_when_it_is_sent_again(world):
    merchant = await listening(world)
    await buy(world, "echo")
    await world.work(60)
    (first, *_) = await merchant.log()
    answer = await merchant.api("POST", f"/{merchant.endpoint}/deliveries/{first['id']}/resend")
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    await world.work(10)
    assert Counter(merchant.received)[first["id"]] == 2
    assert len(merchant.handled) == 3


async def test_w6_during_a_rotation_a_receiver_with_either_secret_reads_every_message(world):
    merchant = await listening(world)
    old = merchant.secrets
    answer = await merchant.api("POST", f"/{merchant.endpoint}/rotate")
    assert answer.status_code == 200
    new = [answer.json()["secret"]]
    assert new != old
    for secrets in (old, new):
        merchant.secrets = secrets
        quoted, _ = await buy(world, "echo")
        await world.work(30)
        assert len(merchant.types(quoted.id)) == 3
    posted = len(world.courier.posted)
    world.clock.advance(hours=24)
    await buy(world, "echo")
    await world.work(30)
    assert all(headers["webhook-signature"].count("v1,") == 2 for _, headers, _ in world.courier.posted[:posted])
    assert all(headers["webhook-signature"].count("v1,") == 1 for _, headers, _ in world.courier.posted[posted:])


# -------------------------------------------------------------------------------------------------- who does not answer


async def test_w7_after_three_days_a_message_is_dead_and_can_be_seen_and_sent_again(world):
    merchant = await listening(world)
    merchant.broken = 500
    quoted, _ = await buy(world, "echo")
    began = world.clock.now()
    for _ in range(80):
        world.clock.advance(hours=1)
        await world.work(10)
    rows = await merchant.log()
    assert [row["state"] for row in rows] == ["dead"] * 3
    assert rows[0]["attempts"] >= 12
    assert rows[0]["next_attempt_at"] is None
    assert (rows[0]["status"], rows[0]["response"]) == (500, "not now")
    assert world.clock.now() - began > timedelta(days=3)
    sent = len(merchant.received)
    await world.work(3_600)
    assert len(merchant.received) == sent, "nothing is tried any more"
    merchant.broken = 200
    for row in rows:
        await merchant.api("POST", f"/{merchant.endpoint}/deliveries/{row['id']}/resend")
    await world.work(60)
    assert merchant.types(quoted.id) == ["order.settled", "order.delivered", "order.final"]


async def test_w7_an_endpoint_that_answers_410_is_disabled_and_told_nothing_more(world):
    merchant = await listening(world)
    merchant.broken = 410
    await buy(world, "echo")
    await world.work(60)
    health = await merchant.health()
    assert (health["enabled"], health["note"]) == (False, "it answered 410 Gone")
    assert len(merchant.received) == 1
    assert {row["state"] for row in await merchant.log()} == {"dead"}
    refused = await merchant.api("POST", f"/{merchant.endpoint}/test")
    assert refused.status_code == 409
    assert "410" in refused.json()["detail"]
    merchant.broken = 200
    assert (await merchant.api("PATCH", f"/{merchant.endpoint}", json={"enabled": True})).json()["note"] == ""
    quoted, _ = await buy(world, "echo")
    await world.work(60)
    assert len(merchant.types(quoted.id)) == 3


async def test_w7_a_410_of_the_old_url_does_not_disable_an_endpoint_that_was_moved_meanwhile(world):
    merchant = await listening(world)

    class Moving:
        async def post(self, url, body, headers):
            await merchant.api("PATCH", f"/{merchant.endpoint}", json={"url": "https://new.example.com/"})
            return Reply(410, 0.01)

    quoted, _ = await buy(world, "echo")
    await webhook(with_other_parts(world, courier=Moving()), f"{merchant.endpoint}/{quoted.id}")
    assert (await merchant.health())["enabled"]


@pytest.mark.parametrize("status", [100, 199, 300, 301, 302, 304, 307, 400, 404, 429, 500, 599])
async def test_w7_only_a_2xx_is_taken_for_delivered(world, status):
    merchant = await listening(world)
    merchant.answers = [status]
    await buy(world, "echo")
    await world.work(1)
    (first, *_) = await merchant.log()
    assert (first["state"], first["status"]) == ("waiting", status)
    await world.work(60)
    assert {row["state"] for row in await merchant.log()} == {"delivered"}


async def test_w7_a_dead_endpoint_delays_nobody_and_is_asked_seldom(world):
    dead, alive = await listening(world, "https://dead.example.com/"), await listening(world)
    dead.broken = None
    quotes = [(await buy(world, "echo"))[0] for _ in range(30)]
    await world.work(60)
    for quoted in quotes:
        assert alive.types(quoted.id) == ["order.settled", "order.delivered", "order.final"]
    waited = [row["latency_ms"] for row in await alive.log()]
    assert set(waited) == {10}
    asked = len(dead.received)
    await world.work(600)
    assert len(dead.received) - asked < 12, "ninety messages wait, and one attempt is made in a while"
    assert (await dead.health())["failures"] > 3
    dead.broken = 200
    await world.work(1_500)
    assert (await dead.health())["failures"] == 0
    assert all(dead.types(quoted.id) == ["order.settled", "order.delivered", "order.final"] for quoted in quotes)


async def test_w7_messages_to_an_endpoint_that_was_dead_for_three_days_are_given_up_without_trying_each(world):
    dead = await listening(world)
    dead.broken = None
    for _ in range(10):
        await buy(world, "echo")
    await world.work(60)
    world.clock.advance(days=4)
    asked = len(dead.received)
    await world.work(60)
    assert {row["state"] for row in await dead.log()} == {"dead"}
    assert len(dead.received) == asked


@pytest.mark.parametrize(("failures", "hands"), [(0, MOST_AT_ONCE), (QUIET_AFTER - 1, MOST_AT_ONCE), (QUIET_AFTER, 1)])
async def test_w7_one_endpoint_takes_a_few_hands_at_most_and_the_rest_come_back_in_line(world, failures, hands):
    """Thirty orders at once, and a receiver that keeps every connection open."""
    merchant = await listening(world)
    quotes = [(await buy(world, "echo"))[0] for _ in range(30)]
    async with world.db.begin("test") as work:
        await work.webhooks.note_health(merchant.endpoint, failures, None)
    open_now, most, gate = 0, 0, asyncio.Event()

    class Slow:
        async def post(self, url, body, headers):
            nonlocal open_now, most
            open_now += 1
            most = max(most, open_now)
            await gate.wait()
            open_now -= 1
            return merchant(headers, body)

    paddock = with_other_parts(world, courier=Slow(), lanes=Lanes())
    attempts = [asyncio.create_task(webhook(paddock, f"{merchant.endpoint}/{quoted.id}")) for quoted in quotes]
    for _ in range(50):
        await asyncio.sleep(0)
    turned_away = [task.result() for task in attempts if task.done()]
    assert most == hands
    assert len(turned_away) == 30 - hands
    assert sorted(turned_away) == turned_away
    assert len(set(turned_away)) == len(turned_away), "each at a time of its own"
    gate.set()
    await asyncio.gather(*attempts)
    await world.work(60)
    assert all(len(merchant.types(quoted.id)) == 3 for quoted in quotes)


async def test_a_removed_endpoint_is_told_nothing_more(world):
    merchant = await listening(world)
    merchant.broken = 500
    await buy(world, "echo")
    await world.work(2)
    assert (await merchant.api("DELETE", f"/{merchant.endpoint}")).status_code == 204
    sent = len(merchant.received)
    merchant.broken = 200
    await buy(world, "echo")
    await world.work(600)
    assert len(merchant.received) == sent


async def test_deliveries_are_counted_by_outcome(world):
    merchant = await listening(world)
    await buy(world, "echo")
    await world.work(60)
    merchant.broken = 500
    await merchant.api("POST", f"/{merchant.endpoint}/test")
    await world.work(1)
    text = (await world.client.get("/metrics")).text
    assert 'paddock_webhook_deliveries{outcome="delivered"} 3.0' in text
    assert 'paddock_webhook_deliveries{outcome="waiting"} 1.0' in text
    assert 'paddock_webhook_deliveries{outcome="dead"} 0.0' in text


async def test_a_case_about_an_order_is_announced_when_it_opens_and_when_it_ends(world):
    merchant = await listening(world)
    quoted, _ = await buy(world, "echo")
    async with world.paddock.db.begin("test") as work:
        for _ in range(2):  # the second finds it open
            case = await open_case(work, CaseKind.DISPUTED, quoted.id, "the buyer says so")
    await world.work(30)
    await decide(world.paddock, case.id, Decision(Outcome.REJECTION, "It was delivered.", note=""))
    await world.work(30)
    about = [one.data for one in merchant.handled.values() if one.type.startswith("case.")]
    assert [(one["case_id"], one["state"], one["outcome"]) for one in about] == [
        (case.id, "open", None),
        (case.id, "resolved", "rejection"),
    ]
