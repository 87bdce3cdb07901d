"""What ports.Webhooks guarantees, on the fake, SQLite and PostgreSQL."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from server.adapters.clock import SystemClock
from server.application import endpoints
from server.application.announce import announce
from server.domain.errors import DuplicateClaim, StaleWrite, UnknownWebhook
from server.domain.webhooks import Announcement, DeliveryState, Endpoint, Kind, delivery_of
from tests.conformance.rows import race
from tests.fakes import samples
from tests.fakes.samples import NOW


def endpoint(name="we_1", **changes):
    one = Endpoint(name, "paddock", "https://hooks.example.com/ü", "words, ünïcode", NOW, "1.aa")
    return replace(one, **changes)


def announcement(sequence=1, order_id="order-1", **changes):
    name = f"evt_{order_id}_{sequence}"
    made = Announcement(name, "paddock", order_id, sequence, Kind.ORDER_SETTLED, NOW, b'{"n": 1}')
    return replace(made, **changes)


async def add(database, *endpoints):
    async with database.begin("test") as work:
        for one in endpoints:
            await work.webhooks.add_endpoint(one)


async def tell(database, *announcements, to=("we_1",)):
    async with database.begin("test") as work:
        for one in announcements:
            await work.webhooks.announce(one, [delivery_of(one, name) for name in to])


async def test_an_endpoint_comes_back_as_it_was_stored(database):
    one = endpoint(
        old_secret="1.bb", old_secret_until=NOW + timedelta(hours=1), enabled=False, note="gone", failures=3,
        quiet_until=NOW,
    )  # fmt: skip
    await add(database, one)
    async with database.read() as view:
        assert await view.webhooks.endpoint("we_1") == one
        assert await view.webhooks.endpoint("we_2") is None


async def test_endpoints_are_listed_oldest_first_without_the_removed_and_without_other_merchants(database):
    later = NOW + timedelta(seconds=1)
    await add(database, endpoint("we_b", created_at=later), endpoint("we_a"), endpoint("we_c", removed_at=NOW))
    async with database.read() as view:
        assert [one.id for one in await view.webhooks.endpoints_of("paddock")] == ["we_a", "we_b"]
        assert list(await view.webhooks.endpoints_of("nobody")) == []
        assert (await view.webhooks.endpoint("we_c")).removed_at == NOW


async def test_of_two_who_change_an_endpoint_one_wins(database):
    await add(database, endpoint())

    async def move(url):
        one = endpoint(url=url)
        async with database.begin("test") as work:
            await work.webhooks.save_endpoint(one)
        assert one.version == 1

    outcomes = await race(move("https://a.example.com/"), move("https://b.example.com/"))
    assert sorted(outcomes) == ["StaleWrite", "won"]


async def test_health_is_noted_without_disturbing_who_changes_the_endpoint(database):
    await add(database, endpoint())
    async with database.begin("test") as work:
        one = await work.webhooks.endpoint("we_1")
        await work.webhooks.note_health("we_1", 2, NOW)
        await work.webhooks.save_endpoint(replace(one, url="https://new.example.com/"))
    async with database.begin("test") as work:
        await work.webhooks.note_health("we_1", 3, NOW + timedelta(seconds=5))
    async with database.read() as view:
        found = await view.webhooks.endpoint("we_1")
    assert (found.url, found.failures, found.version) == ("https://new.example.com/", 3, 1)


async def test_an_announcement_and_its_deliveries_come_back(database):
    await add(database, endpoint(), endpoint("we_2"))
    one = announcement()
    await tell(database, one, to=("we_1", "we_2"))
    async with database.read() as view:
        first = await view.webhooks.next_delivery("we_1", "order-1")
        second = await view.webhooks.next_delivery("we_2", "order-1")
        assert await view.webhooks.body(first.announcement_id) == one.body
        assert await view.webhooks.delivery(first.id) == first
        assert await view.webhooks.delivery("msg_none") is None
    assert first.id != second.id
    assert (first.kind, first.state, first.since, first.due) == (Kind.ORDER_SETTLED, DeliveryState.WAITING, NOW, NOW)


async def test_a_body_that_is_not_there_says_so(database):
    async with database.read() as view:
        with pytest.raises(UnknownWebhook):
            await view.webhooks.body("evt_none")


async def test_a_delivery_that_was_saved_comes_back_and_is_written_by_one(database):
    await add(database, endpoint())
    await tell(database, announcement())
    async with database.read() as view:
        delivery = await view.webhooks.next_delivery("we_1", "order-1")
    other = replace(delivery)
    delivery.attempts, delivery.attempted_at, delivery.status, delivery.latency_ms = 3, NOW, 503, 12
    delivery.excerpt, delivery.error, delivery.due = "busy – später", "no connection", NOW + timedelta(hours=1)
    async with database.begin("test") as work:
        await work.webhooks.save_delivery(delivery)
    async with database.read() as view:
        assert await view.webhooks.delivery(delivery.id) == delivery
    with pytest.raises(StaleWrite):
        async with database.begin("test") as work:
            await work.webhooks.save_delivery(other)


async def test_w6_the_next_delivery_is_the_oldest_that_waits(database):
    await add(database, endpoint(), endpoint("we_2"))
    await tell(database, announcement(1), announcement(2), announcement(3), announcement(1, "order-2"))
    for sequence, state in ((1, DeliveryState.DELIVERED), (2, DeliveryState.DEAD)):
        async with database.begin("test") as work:
            delivery = await work.webhooks.next_delivery("we_1", "order-1")
            assert delivery.sequence == sequence
            delivery.state = state
            await work.webhooks.save_delivery(delivery)
    async with database.read() as view:
        assert (await view.webhooks.next_delivery("we_1", "order-1")).sequence == 3
        assert (await view.webhooks.next_delivery("we_1", "order-2")).sequence == 1
        assert await view.webhooks.next_delivery("we_2", "order-1") is None
        assert await view.webhooks.counts() == {"waiting": 2, "delivered": 1, "dead": 1}


async def test_the_log_is_read_newest_first_in_pages(database):
    await add(database, endpoint(), endpoint("we_2"))
    for number in range(1, 6):
        await tell(database, announcement(number), to=("we_1", "we_2"))
    async with database.read() as view:
        first = await view.webhooks.deliveries("we_1", None, 2)
        rest = await view.webhooks.deliveries("we_1", first[-1].number, 10)
    assert [one.sequence for one in (*first, *rest)] == [5, 4, 3, 2, 1]
    assert {one.endpoint_id for one in (*first, *rest)} == {"we_1"}


@pytest.mark.parametrize(("before", "found"), [(10**30, 1), (2**31, 1), (0, 0), (-(10**30), 0)])
async def test_a_page_may_be_asked_for_with_any_number(database, before, found):
    await add(database, endpoint())
    await tell(database, announcement())
    async with database.read() as view:
        assert len(await view.webhooks.deliveries("we_1", before, 10)) == found


@pytest.mark.parametrize("name", ["", "we_\0", "we_ü", "we_" + "x" * 10_000, "'; --"])
async def test_an_id_of_any_form_is_looked_up_in_peace(database, name):
    office = SimpleNamespace(db=database, clock=SystemClock(), post=None)
    for act in (endpoints.remove, endpoints.try_out, endpoints.resend):
        with pytest.raises(UnknownWebhook):
            await act(office, "paddock", name)


async def test_a_second_announcement_of_a_number_is_refused(database):
    await add(database, endpoint())
    await tell(database, announcement(1))
    with pytest.raises(DuplicateClaim):
        await tell(database, announcement(1, id="evt_other"))


async def test_w6_those_who_announce_at_once_get_numbers_of_their_own_without_a_gap(database):
    await add(database, endpoint())
    order = samples.order("order-1")
    async with database.begin("test") as work:
        await work.orders.add(order)

    async def open_case(number):
        async with database.begin("test") as work:
            await announce(work, "paddock", "order-1", Kind.CASE_OPENED, {"case": number})

    assert set(await race(*(open_case(number) for number in range(12)))) == {"won"}
    async with database.read() as view:
        found = await view.webhooks.deliveries("we_1", None, 100)
    assert sorted(one.sequence for one in found) == list(range(1, 13))


async def test_what_is_announced_in_a_unit_that_fails_is_not_there(database):
    await add(database, endpoint())

    async def fail():
        async with database.begin("test") as work:
            await announce(work, "paddock", "order-1", Kind.CASE_OPENED, {})
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    async with database.read() as view:
        assert await view.webhooks.counts() == {}
        assert await view.outbox.waiting() == 0


async def test_endpoints_of_all_merchants_are_listed_newest_first_without_the_removed(database):
    later = NOW + timedelta(seconds=1)
    await add(database, endpoint("we_b"), endpoint("we_a"), endpoint("we_c", removed_at=NOW))
    await add(database, endpoint("we_d", created_at=later))
    async with database.read() as view:
        assert [one.id for one in await view.webhooks.listed(10)] == ["we_d", "we_a", "we_b"]
        assert [one.id for one in await view.webhooks.listed(2)] == ["we_d", "we_a"]


async def test_what_was_told_of_an_order_is_found_in_its_order_for_its_own_merchant(database):
    await add(database, endpoint("we_1"), endpoint("we_2", removed_at=NOW))
    await tell(database, announcement(1), announcement(1, "order-2"), announcement(2), to=("we_1", "we_2"))
    async with database.read() as view:
        found = await view.webhooks.deliveries_of("order-1", "paddock")
        assert [(one.endpoint_id, one.sequence) for one in found] == [
            ("we_1", 1), ("we_2", 1), ("we_1", 2), ("we_2", 2),
        ]  # fmt: skip
        assert list(await view.webhooks.deliveries_of("order-1", "other")) == []


async def test_the_backlog_counts_what_waits_and_what_was_given_up_of_the_named_endpoints(database):
    await add(database, endpoint("we_1"), endpoint("we_2"), endpoint("we_3"))
    await tell(database, *(announcement(number) for number in (1, 2, 3)), to=("we_1", "we_2", "we_3"))
    async with database.begin("test") as work:
        for number, end in ((1, "succeed"), (2, "give_up")):
            [one] = [row for row in await work.webhooks.deliveries("we_1", None, 9) if row.sequence == number]
            one.succeed() if end == "succeed" else one.give_up("enough")
            await work.webhooks.save_delivery(one)
    async with database.read() as view:
        assert dict(await view.webhooks.backlog(["we_1", "we_2"])) == {
            ("we_1", "waiting"): 1, ("we_1", "dead"): 1, ("we_2", "waiting"): 3,
        }  # fmt: skip
        assert dict(await view.webhooks.backlog([])) == {}
