"""Decisions and refunds that many ask for at once, on the fake, SQLite and PostgreSQL: one of them counts."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from server.adapters.clock import SystemClock
from server.application.decide import Decision, decide
from server.application.refund_by_hand import refund_by_hand
from server.domain.cases import CaseKind, CaseState, Opening, Outcome
from server.domain.errors import CaseConflict
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.payments.delegate import DELEGATE
from tests.conformance.rows import add, get
from tests.fakes import samples
from tests.fakes.samples import NOW

MANY = 20


@dataclass(frozen=True)
class Desk:
    """What the use cases of support are given."""

    db: Any
    clock: SystemClock


@pytest.fixture
def desk(database):
    return Desk(database, SystemClock())


@pytest.fixture
async def blocked(database):
    """A DELEGATE order whose refund is blocked."""
    order = samples.order(
        mode=DELEGATE,
        payment=PaymentState.SETTLED,
        fulfilment=FulfilmentState.FAILED,
        money_back=MoneyBackState.BLOCKED,
        failure="SoldOut",
        final_at=NOW,
    )
    return await add(database, order)


async def at_once(attempts):
    """How many came through; the others must have been refused in words."""
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    failed = [one for one in outcomes if isinstance(one, BaseException)]
    assert [one for one in failed if not isinstance(one, CaseConflict)] == []
    return len(outcomes) - len(failed)


async def moves(database, order):
    """How often the order's money became due."""
    async with database.read() as view:
        timeline = await view.orders.timeline(order.id)
    return [event.new for event in timeline if event.what == "money back"].count("due")


async def test_w9_many_decisions_at_once_ask_for_one_refund(database, desk, blocked):
    async with database.begin("test") as work:
        case = await work.cases.open(Opening(CaseKind.REFUND_BLOCKED, blocked.id, "why", blocked.id, "paddock"))
    refund = Decision(Outcome.REFUND, "your money goes back")
    assert await at_once(decide(desk, case.id, refund) for _ in range(MANY)) == 1
    assert await moves(database, blocked) == 1
    async with database.begin("look") as work:
        assert (await work.cases.get(case.id)).state is CaseState.RESOLVED
        now = desk.clock.now()
        assert sorted(job.topic for job in await work.outbox.take(now, now, 9)) == ["follow", "refund"]
    order = await get(database, blocked.id)
    assert (order.money_back, order.final_at) == (MoneyBackState.DUE, None)


async def test_w9_many_refunds_by_hand_at_once_ask_for_one(database, desk, blocked):
    assert await at_once(refund_by_hand(desk, blocked.id, retry=True) for _ in range(MANY)) == 1
    assert await moves(database, blocked) == 1


async def test_a_decision_that_is_not_possible_leaves_its_line_and_nothing_else(database, desk, blocked):
    async with database.begin("test") as work:
        case = await work.cases.open(Opening(CaseKind.DISPUTED, blocked.id, "why", blocked.id, "paddock"))
    with pytest.raises(CaseConflict):
        await decide(desk, case.id, Decision(Outcome.REDELIVERY, "here it is"))
    async with database.read() as view:
        assert (await view.cases.get(case.id)).state is CaseState.OPEN
        assert [line.what for line in await view.cases.timeline(case.id)] == ["opened", "redelivery not possible"]
        assert await view.outbox.waiting() == 0
