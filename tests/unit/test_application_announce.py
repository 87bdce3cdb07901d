"""A case about an order is announced when it opens, once however often it is found, and when it was decided."""

import pytest
from opentelemetry.sdk.trace import TracerProvider

from server.application.announce import AnnouncingDatabase
from server.application.tracing import HEADER, Tracing, purchased
from server.domain.cases import CaseKind, Opening, Outcome
from server.domain.webhooks import Endpoint, Kind
from tests.fakes import samples
from tests.fakes.database import FakeDatabase
from tests.fakes.samples import NOW

ORDER = "order-1"
DISPUTED = Opening(CaseKind.DISPUTED, ORDER, "", ORDER, "paddock")
STUCK = Opening(CaseKind.STUCK, ORDER, "", ORDER, "paddock")
OF_NOBODY = Opening(CaseKind.DIFFERENCE, "row", "", None, "paddock")


@pytest.mark.parametrize(
    ("openings", "told"),
    [
        ([DISPUTED], ["disputed"]),
        ([DISPUTED, DISPUTED], ["disputed"]),
        ([DISPUTED, STUCK, DISPUTED], ["disputed", "stuck"]),
        ([OF_NOBODY], []),
        ([OF_NOBODY, OF_NOBODY, DISPUTED], ["disputed"]),
    ],
)
async def test_what_is_announced_of_cases_that_are_opened(clock, openings, told):
    fake = FakeDatabase(clock)
    db = AnnouncingDatabase(fake)
    async with db.begin("made up") as work:
        await work.orders.add(samples.order(ORDER))
        await work.webhooks.add_endpoint(Endpoint("we_1", "paddock", "https://hooks.example.com", "", NOW, "1.a"))
    for opening in openings:
        async with db.begin("opened") as work:
            await work.cases.open(opening)
    made = sorted(fake.tables.announcements.values(), key=lambda one: one.sequence)
    assert {(one.kind, one.order_id) for one in made} == ({(Kind.CASE_OPENED, ORDER)} if told else set())
    assert [kind for one in made for kind in told if f'"kind":"{kind}"'.encode() in one.body] == told
    assert sorted(fake.tables.jobs) == ([f"webhook:we_1/{ORDER}"] if told else [])


@pytest.mark.parametrize("opening", [DISPUTED, OF_NOBODY], ids=["of an order", "of none"])
async def test_a_case_about_an_order_is_announced_again_when_it_is_decided_and_not_when_it_is_only_noted(
    clock, opening
):
    fake = FakeDatabase(clock)
    db = AnnouncingDatabase(fake)
    async with db.begin("made up") as work:
        await work.orders.add(samples.order(ORDER))
        await work.webhooks.add_endpoint(Endpoint("we_1", "paddock", "https://hooks.example.com", "", NOW, "1.a"))
        case = await work.cases.open(opening)
    told = [Kind.CASE_OPENED, Kind.CASE_CLOSED] if opening.order_id else []
    for decided in (False, True):
        if decided:
            case.resolve(Outcome.REJECTION, "it was delivered", "operator", NOW)
        else:
            case.note("looked at", "operator")
        async with db.begin("saved") as work:
            await work.cases.save(case)
        made = sorted(fake.tables.announcements.values(), key=lambda one: one.sequence)
        assert [one.kind for one in made] == told[: 1 + decided]
    assert all(b'"reason":"it was delivered"' in one.body for one in made[1:])


@pytest.mark.parametrize("enabled", [None, False], ids=["no endpoint", "a disabled one"])
async def test_nothing_is_written_for_a_merchant_whom_nobody_tells(clock, enabled):
    fake = FakeDatabase(clock)
    db = AnnouncingDatabase(fake)
    async with db.begin("made up") as work:
        await work.orders.add(samples.order(ORDER))
        if enabled is not None:
            endpoint = Endpoint("we_1", "paddock", "https://hooks.example.com", "", NOW, "1.a", enabled=enabled)
            await work.webhooks.add_endpoint(endpoint)
        await work.cases.open(DISPUTED)
    assert (fake.tables.announcements, fake.tables.jobs) == ({}, {})


@pytest.mark.parametrize("traced", [True, False])
async def test_an_order_that_is_made_in_a_trace_keeps_it(clock, traced):
    tracing = Tracing(TracerProvider(shutdown_on_exit=False).get_tracer("test"), lambda: True) if traced else None
    db, trace = AnnouncingDatabase(FakeDatabase(clock), tracing), f"{7:032x}"
    with purchased(tracing, "echo", [(HEADER.encode(), f"00-{trace}-{1:016x}-01".encode())]):
        async with db.begin("made up") as work:
            await work.orders.add(samples.order(ORDER))
    async with db.read() as view:
        kept = await view.traces.of([ORDER])
    assert [entry.split("-")[1] for entry in kept.values()] == [trace] * traced
