"""Threats that take their time: replays over a day and restarts, late writes, jobs that always fail."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import httpx
import pytest

from server.application.admission import Admission
from server.domain.states import FulfilmentState, PaymentState
from server.tasks import MOST_ATTEMPTS, USE_CASES
from server.web.app import create_app
from server.web.credentials import Credentials, digest
from tests.simulation.world import ORIGIN, TOKEN, open_world, service
from tests.stack.buyer import Buyer


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


def process(world):
    """A buyer at a further server on the same database, as it starts: nothing is in its memory."""
    app = create_app(None, Credentials(digest(TOKEN)), facilitator=True)
    app.state.paddock = replace(world.paddock, admission=Admission())
    app.state.settling = world.app.state.settling
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN)
    return Buyer(client, world.buyer.account)


async def test_s4_five_hundred_replays_over_a_day_three_processes_and_restarts_sell_once(world):
    quoted = await world.buyer.ask(world.url("echo"))
    header = world.buyer.pay(quoted)
    first = await world.buyer.present(quoted, header)
    processes = [process(world) for _ in range(3)]
    for turn in range(500):
        if turn % 50 == 49:
            await processes[turn % 3].client.aclose()
            processes[turn % 3] = process(world)
        again = await processes[turn % 3].present(quoted, header)
        assert (again.status_code, again.content) == (200, first.content)
        world.clock.advance(172)
    world.clock.advance(3600)
    late = [await one.present(quoted, header) for one in processes]
    assert {answer.json()["type"] for answer in late} == {"/problems/already-delivered"}
    assert world.runs["echo"] == world.settlements() == 1
    for one in processes:
        await one.client.aclose()


async def test_w2_an_owner_who_was_held_up_past_its_lease_writes_nothing_late():
    """The first owner's handler comes back after another request took the order over, sold it and was paid."""
    began, held, runs = asyncio.Event(), asyncio.Event(), []

    async def slow(_arguments, _context):
        runs.append(len(runs) + 1)
        began.set()
        if runs == [1]:
            await held.wait()
        return {"run": runs[-1]}

    async with open_world(service("slow", slow, timeout=1000.0)) as world:
        quoted = await world.buyer.ask(world.url("slow"))
        header = world.buyer.pay(quoted)
        paused = asyncio.create_task(world.buyer.present(quoted, header))
        await began.wait()
        world.clock.advance(46)
        second = await world.buyer.present(quoted, header)
        assert (second.status_code, second.json()) == (200, {"run": 2})
        held.set()
        late = await paused
        assert (late.status_code, late.content) == (200, second.content)
        assert late.headers["idempotent-replayed"] == "true"
        order = await world.order(quoted.id)
        assert (order.payment, order.fulfilment, order.fence) == (PaymentState.SETTLED, FulfilmentState.RELEASED, 2)
        assert world.settlements() == 1


async def test_w3_a_job_that_always_fails_is_tried_ever_less_often_stays_visible_and_holds_up_nobody(
    world, monkeypatch
):
    tried = []

    async def poisoned(_paddock, subject):
        tried.append(world.clock.now())
        raise RuntimeError(f"cannot digest {subject}")

    monkeypatch.setitem(USE_CASES, "resend", poisoned)
    async with world.db.begin("test") as work:
        await work.outbox.add("resend", "poison", world.clock.now())
    quoted = await world.buyer.ask(world.url("access-pass"), "POST", {})
    async with world.workers():
        assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
        await world.clock.sleep(600)
    pauses = [round((b - a).total_seconds()) for a, b in pairwise(tried)]
    assert pauses[:6] == [1, 2, 4, 8, 16, 32]
    assert set(pauses[6:]) == {60}
    row = world.db.tables.jobs["resend:poison"]
    assert (row.done, row.error) == (False, "RuntimeError: cannot digest poison")
    monkeypatch.undo()


async def test_w3_a_job_that_failed_a_thousand_times_is_parked_and_not_lost(world, monkeypatch):
    async def poisoned(_paddock, _subject):
        raise RuntimeError("again")

    monkeypatch.setitem(USE_CASES, "resend", poisoned)
    async with world.db.begin("test") as work:
        await work.outbox.add("resend", "poison", world.clock.now())
    jobs, key = world.db.tables.jobs, "resend:poison"
    jobs[key] = replace(jobs[key], job=replace(jobs[key].job, attempts=MOST_ATTEMPTS - 1))
    await world.work_once()
    parked = world.db.tables.jobs[key]
    assert (parked.done, parked.due - world.clock.now()) == (False, timedelta(hours=6))
    monkeypatch.undo()
