"""What the alerts look at: cases, jobs and anchors that wait show in /metrics, and are gone from there when done."""

from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from server.application.cases import open_case
from server.domain.cases import CaseKind, Outcome
from server.domain.outages import DatabaseUnavailable
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from tests.fakes import samples
from tests.simulation.test_evidence import in_doubt
from tests.simulation.world import open_world


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


async def shown(world, metric, **labels):
    """A sample, as whoever scrapes now gets it; None if there is none."""
    assert (await world.client.get("/metrics")).status_code == 200
    return REGISTRY.get_sample_value(metric, labels)


async def test_an_open_case_shows_by_its_kind_until_it_is_resolved(world):
    quoted = await world.buyer.ask(world.url("echo"))
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
    async with world.db.begin("test") as work:
        case = await open_case(work, CaseKind.DISPUTED, quoted.id, "the buyer says so")
    assert await shown(world, "paddock_cases_open", kind="disputed") == 1
    assert await shown(world, "paddock_cases_open", kind="stuck") == 0
    async with world.db.begin("test") as work:
        case.resolve(Outcome.REJECTION, "it was there", "operator", world.clock.now())
        await work.cases.save(case)
    assert await shown(world, "paddock_cases_open", kind="disputed") == 0


async def test_an_order_in_doubt_shows_for_how_long_until_the_chain_decides(world):
    await in_doubt(world)
    assert await shown(world, "paddock_orders_waiting", payment="in_doubt") == 1
    world.clock.advance(100)
    assert await shown(world, "paddock_orders_waiting_seconds", payment="in_doubt") == pytest.approx(100, abs=1)
    assert await shown(world, "paddock_orders_waiting_seconds", payment="settling") == 0
    await world.work(4000)
    assert await shown(world, "paddock_orders_waiting", payment="in_doubt") == 0
    assert await shown(world, "paddock_orders_waiting_seconds", payment="in_doubt") == 0


async def test_money_that_waits_to_go_back_shows_by_its_state(world):
    states = {"payment": PaymentState.SETTLED, "fulfilment": FulfilmentState.FAILED}
    order = samples.order(**states, money_back=MoneyBackState.BLOCKED)
    world.lawful = False  # no money stands behind this row
    async with world.db.begin("test") as work:
        await work.orders.add(order)
    assert await shown(world, "paddock_refunds_open", state="blocked") == 1
    assert await shown(world, "paddock_refunds_open", state="due") == 0
    world.db.tables.orders[order.id].money_back = MoneyBackState.REFUNDED
    assert await shown(world, "paddock_refunds_open", state="blocked") == 0


async def test_jobs_that_nobody_takes_show_for_how_long(world):
    async with world.db.begin("test") as work:
        await work.outbox.add("reconcile", "books", world.clock.now() - timedelta(seconds=90))
    assert await shown(world, "paddock_jobs_overdue_seconds") == pytest.approx(90, abs=1)
    await world.work(1)
    assert await shown(world, "paddock_jobs_overdue_seconds") == 0


async def test_a_job_that_fails_again_and_again_shows_until_it_succeeds(world):
    quoted = await world.buyer.ask(world.url("access-pass"), "POST", {})
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 202
    honest, world.paddock = world.paddock, replace(world.paddock, delegate=None)
    await world.work(10)
    assert await shown(world, "paddock_jobs_failing", topic="execute") is None, "a few failures are nobody's concern"
    await world.work(60)
    assert await shown(world, "paddock_jobs_failing", topic="execute") == 1
    world.paddock = honest
    await world.work(120)
    assert (await world.order(quoted.id)).shown == "completed"
    assert await shown(world, "paddock_jobs_failing", topic="execute") is None


async def test_receipts_show_for_how_long_they_wait_for_their_anchor(world):
    async def waits():
        return await shown(world, "paddock_receipts_unanchored_seconds", merchant="paddock")

    assert await waits() == 0
    quoted = await world.buyer.ask(world.url("echo"))
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
    world.paddock = replace(world.paddock, delegate=None)
    await world.work(300)
    assert await waits() > 200
    world.paddock = world.app.state.paddock
    await world.work(300)
    assert await waits() == 0


async def test_a_batch_that_no_final_block_holds_yet_still_waits(world):
    quoted = await world.buyer.ask(world.url("echo"))
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
    sent = []
    world.db.hooks.append(lambda name, when: sent.append(name) if when == "committed" else None)
    while "anchor signed" not in sent:
        await world.work(1)
    world.chain.automine = False
    world.chain.block_seconds = 10_000
    assert await shown(world, "paddock_receipts_unanchored_seconds", merchant="paddock") > 0


async def test_a_database_that_does_not_answer_shows_as_such_and_spoils_nothing_else(world, monkeypatch):
    assert await shown(world, "paddock_database_answers") == 1
    honest = world.app.state.paddock

    class Away:
        def read(self):
            raise DatabaseUnavailable("the database did not answer")

    world.app.state.paddock = replace(honest, db=Away())
    assert await shown(world, "paddock_database_answers") == 0
    world.app.state.paddock = honest
    assert await shown(world, "paddock_database_answers") == 1
