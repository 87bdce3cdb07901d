"""A case about an order is announced when it opens, once however often it is found; one about no order is not."""

import pytest

from server.application.announce import AnnouncingDatabase
from server.domain.cases import CaseKind, Opening
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
