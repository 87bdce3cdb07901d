"""What ports.Cases and ports.Suspects guarantee, on the fake, SQLite and PostgreSQL."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.adapters.models import metadata
from server.domain.cases import CaseKind, CaseState, Opening, Outcome
from server.domain.errors import DuplicateClaim, StaleWrite
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from tests.conformance.rows import add
from tests.fakes import samples
from tests.fakes.samples import NOW

MINUTE = timedelta(minutes=1)
F, M, P = FulfilmentState, MoneyBackState, PaymentState


def opening(order, kind=CaseKind.STUCK, **changes):
    return replace(Opening(kind, order.id, "detail", order.id, "paddock"), **changes)


async def open_one(database, wanted):
    async with database.begin("test") as work:
        return await work.cases.open(wanted)


async def resolve(database, case, outcome=Outcome.REJECTION):
    case.resolve(outcome, "for a reason", "operator", NOW, "a note")
    async with database.begin("test") as work:
        await work.cases.save(case)


async def settled(database, **changes):
    usual = {"payment": P.SETTLED, "fulfilment": F.RELEASED, "paid_at": NOW}
    return await add(database, samples.order(**usual | changes))


# ---------------------------------------------------------------------------------------------------------------- cases


async def test_a_case_comes_back_as_it_was_opened_and_resolved_with_its_timeline(database):
    order = await add(database, samples.order())
    case = await open_one(database, opening(order, CaseKind.DISPUTED, by="payer:0xab", request="0xab:0x01"))
    await resolve(database, case)
    async with database.read() as view:
        stored = await view.cases.get(case.id)
        lines = [(event.what, event.by, event.note) for event in await view.cases.timeline(case.id)]
        assert await view.cases.get("case-nobody") is None
        assert list(await view.cases.of(order.id)) == [stored]
    assert stored == case
    assert (stored.state, stored.outcome, stored.reason) == (CaseState.RESOLVED, Outcome.REJECTION, "for a reason")
    assert (stored.resolved_at, stored.opened_at.utcoffset()) == (NOW, timedelta(0))
    assert lines == [
        ("opened", "payer:0xab", "detail"),
        ("resolved by rejection", "operator", "for a reason (a note)"),
    ]


async def test_there_is_one_open_case_of_a_kind_and_subject_and_after_it_is_resolved_there_may_be_another(database):
    order = await add(database, samples.order())
    first = await open_one(database, opening(order))
    assert (await open_one(database, opening(order, detail="again"))).id == first.id
    assert (await open_one(database, opening(order, CaseKind.DISPUTED))).id != first.id
    await resolve(database, first)
    second = await open_one(database, opening(order))
    assert second.id != first.id
    async with database.read() as view:
        assert await view.cases.open_kinds() == {second.kind: 1, CaseKind.DISPUTED: 1}
        assert len(await view.cases.timeline(first.id)) == 2


async def test_twenty_units_that_open_the_same_case_at_once_open_one(database):
    order = await add(database, samples.order())
    cases = await asyncio.gather(*(open_one(database, opening(order)) for _ in range(20)))
    assert len({case.id for case in cases}) == 1
    async with database.read() as view:
        assert await view.cases.open_kinds() == {cases[0].kind: 1}
        assert len(await view.cases.timeline(cases[0].id)) == 1


async def test_opening_a_case_that_is_open_does_not_spoil_what_else_the_unit_does(database):
    order, other = await add(database, samples.order()), samples.order()
    await open_one(database, opening(order))
    async with database.begin("test") as work:
        await work.cases.open(opening(order))
        await work.orders.add(other)
    async with database.read() as view:
        assert await view.orders.get(other.id) is not None


async def test_a_request_opens_one_case_and_none_when_that_one_is_over(database):
    order = await add(database, samples.order())
    wanted = opening(order, CaseKind.DISPUTED, request="0xab:0x01")
    first = await open_one(database, wanted)
    assert (await open_one(database, wanted)).id == first.id
    await resolve(database, first)
    with pytest.raises(DuplicateClaim):
        await open_one(database, wanted)


async def test_a_late_write_to_a_case_is_refused(database):
    order = await add(database, samples.order())
    case = await open_one(database, opening(order))
    late = replace(case, changes=[])
    await resolve(database, case)
    with pytest.raises(StaleWrite):
        await resolve(database, late)
    async with database.read() as view:
        assert len(await view.cases.timeline(case.id)) == 2


async def test_cases_are_listed_newest_first_by_state_kind_and_merchant(database):
    order = await add(database, samples.order())
    first = await open_one(database, opening(order))
    second = await open_one(database, opening(order, CaseKind.DISPUTED, merchant="other"))
    third = await open_one(database, Opening(CaseKind.DIFFERENCE, "0x1:0", "a Transfer of no order"))
    await resolve(database, first)
    async with database.read() as view:
        cases = view.cases
        found = {
            "all": await cases.listed(9),
            "open": await cases.listed(9, state=CaseState.OPEN),
            "kind": await cases.listed(9, kind=CaseKind.STUCK),
            "merchant": await cases.listed(9, merchant="other"),
            "none": await cases.listed(9, merchant="other", state=CaseState.RESOLVED),
        }
        assert len(await cases.listed(2)) == 2
    ids = {name: {case.id for case in listed} for name, listed in found.items()}
    assert [case.opened_at for case in found["all"]] == sorted((c.opened_at for c in found["all"]), reverse=True)
    assert ids == {
        "all": {first.id, second.id, third.id},
        "open": {second.id, third.id},
        "kind": {first.id},
        "merchant": {second.id},
        "none": set(),
    }


@pytest.mark.parametrize("kind", ["sqlite_url", "postgres_url"])
async def test_the_migrations_make_exactly_the_tables_of_the_code(request, kind):
    db = SqlDatabase(request.getfixturevalue(kind), SystemClock())
    async with db.view() as connection:
        found = await connection.run_sync(lambda sync: compare_metadata(MigrationContext.configure(sync), metadata))
    await db.close()
    assert "cases" in metadata.tables
    assert [one for one in found if "case" in str(one)] == []


# ------------------------------------------------------------------------------------------------------------- suspects


async def test_an_order_with_something_to_come_is_stuck_when_its_timeline_has_been_still(database):
    await settled(database)
    await add(database, samples.order(payment=P.FAILED))
    await add(database, samples.order(payment=P.AUTHORIZED))
    waiting = [
        await add(database, samples.order(payment=P.IN_DOUBT)),
        await settled(database, fulfilment=F.EXECUTING),
        await settled(database, fulfilment=F.FAILED, money_back=M.SENDING),
    ]
    soon, later = datetime.now(UTC) + MINUTE, NOW - MINUTE
    async with database.read() as view:
        assert set(await view.suspects.stuck(soon, 9)) == {order.id for order in waiting}
        assert await view.suspects.stuck(later, 9) == []
        assert len(await view.suspects.stuck(soon, 1)) == 1
    moved = waiting[0]
    moved.learn("a fact", "was learnt")
    async with database.begin("test") as work:
        await work.orders.save(moved)
    before_that = datetime.now(UTC) - MINUTE
    await open_one(database, opening(waiting[1]))
    async with database.read() as view:
        assert list(await view.suspects.stuck(before_that, 9)) == [waiting[2].id]


async def test_denied_are_settled_and_failed_orders_whose_money_is_not_on_its_way(database):
    none = await settled(database, fulfilment=F.FAILED)
    blocked = await settled(database, fulfilment=F.FAILED, money_back=M.BLOCKED)
    for money_back in (M.DUE, M.SENDING, M.REFUNDED):
        await settled(database, fulfilment=F.FAILED, money_back=money_back)
    await settled(database)
    await add(database, samples.order(payment=P.FAILED, fulfilment=F.FAILED))
    async with database.read() as view:
        assert set(await view.suspects.denied(9)) == {none.id, blocked.id}
        assert len(await view.suspects.denied(1)) == 1
    await resolve(database, await open_one(database, opening(none, CaseKind.PAID_BUT_DENIED)))
    await open_one(database, opening(blocked, CaseKind.PAID_BUT_DENIED))
    async with database.read() as view:
        assert list(await view.suspects.denied(9)) == [blocked.id]
    await open_one(database, opening(blocked, CaseKind.REFUND_BLOCKED))
    async with database.read() as view:
        assert await view.suspects.denied(9) == []


async def test_a_repeated_payment_is_one_for_the_same_intent_by_the_same_payer_soon_after(database):
    intent, stranger = b"i" * 32, "0x" + "12" * 20
    first = await settled(database, intent=intent)
    second = await settled(database, intent=intent, paid_at=NOW + 2 * MINUTE)
    await settled(database, intent=intent, paid_at=NOW + 3 * MINUTE)
    await settled(database, intent=intent, payer=stranger)
    await settled(database, intent=b"j" * 32, paid_at=NOW + MINUTE)
    await settled(database, intent=b"k" * 32)
    await settled(database, intent=b"k" * 32, paid_at=NOW + 9 * MINUTE)
    await settled(database, intent=b"l" * 32)
    await settled(database, intent=b"l" * 32, fulfilment=F.FAILED, money_back=M.REFUNDED)
    await settled(database, intent=b"m" * 32)
    await add(database, samples.order(intent=b"m" * 32, payment=P.FAILED))
    for charged in (None, 0, 0):
        await settled(database, intent=b"n" * 32, charged=charged)
    async with database.read() as view:
        (found,) = await view.suspects.repeated(NOW - MINUTE, 5 * MINUTE, 9)
        assert (found.order_id, found.first, found.after) == (second.id, first.id, 2 * MINUTE)
        assert [one.order_id for one in await view.suspects.repeated(NOW, 2 * MINUTE, 9)] == [second.id]
        moment = timedelta(microseconds=1)
        assert await view.suspects.repeated(NOW + moment, 5 * MINUTE, 9) == []
        assert [one.after for one in await view.suspects.repeated(NOW, 2 * MINUTE - moment, 9)] == [MINUTE]
    await resolve(database, await open_one(database, opening(second, CaseKind.DUPLICATE)))
    async with database.read() as view:
        assert await view.suspects.repeated(NOW - MINUTE, 5 * MINUTE, 9) == []


async def test_jobless_are_settled_orders_whose_next_job_is_not_in_the_outbox(database):
    unwatched = await settled(database)
    executing = await settled(database, fulfilment=F.EXECUTING)
    owed = await settled(database, fulfilment=F.FAILED, money_back=M.DUE)
    unproven = await settled(database, final_at=NOW)
    blocked = await settled(database, fulfilment=F.FAILED, money_back=M.BLOCKED, final_at=NOW)
    proven = await settled(database, final_at=NOW)
    await add(database, samples.order(payment=P.FAILED))
    wanted = {
        (unwatched.id, "follow"), (executing.id, "execute"), (executing.id, "follow"), (owed.id, "refund"),
        (owed.id, "follow"), (unproven.id, "prove"),
    }  # fmt: skip
    async with database.begin("test") as work:
        await work.proofs.put(proven.id, b"{}", NOW)
        assert set(await work.suspects.jobless(NOW, 99)) == wanted
        assert len(await work.suspects.jobless(NOW, 1)) == 1
        assert await work.suspects.jobless(NOW + MINUTE, 99) == []
        waiting = set(wanted)
        for order_id, topic in wanted:
            await work.outbox.add(topic, order_id, NOW)
            waiting.remove((order_id, topic))
            assert set(await work.suspects.jobless(NOW, 99)) == waiting, "each needs its own job"
        for job in await work.outbox.take(NOW, NOW + MINUTE, 99):
            await work.outbox.finish(job)
        assert set(await work.suspects.jobless(NOW, 99)) == wanted
    assert blocked.owes
