"""The one switch that holds all settlement: nothing is sent while it is on, and nothing is lost by it."""

import asyncio
from dataclasses import replace

import pytest

from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application.pause import turn
from server.domain.outages import DatabaseUnavailable
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.domain.switches import SETTLEMENT_PAUSED, Switch
from server.facilitator.settler import Settler
from server.tasks import MOST_ATTEMPTS
from tests.fakes.facilitator import FakeFacilitator
from tests.simulation.test_threats_limits import refusal, turns
from tests.simulation.world import TOKEN, open_world, service
from tests.stack.buyer import read_header

SETTLER = account("settler").key.hex()
CONSOLE = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened
        await resume(opened)


async def pause(world):
    await turn(world.db, world.clock, on=True, reason="a drill that no buyer hears of", by="test")
    world.clock.advance(1)


async def resume(world):
    await turn(world.db, world.clock, on=False, reason="", by="test")
    world.clock.advance(1)


def deaf(world):
    """A facilitator that is somebody else's, and knows of no pause."""
    facilitator = FakeFacilitator(world.chain, world.clock, world.paddock.market, world.paddock.delegate)
    world.paddock = world.app.state.paddock = replace(world.paddock, facilitator=facilitator)
    return facilitator


async def quote_and_sign(world, path="echo", method="GET", body=None):
    quoted = await world.buyer.ask(world.url(path), method, body)
    return quoted, world.buyer.pay(quoted)


async def test_while_paused_a_payment_is_told_503_and_the_same_payment_buys_after_it(world):
    one = await quote_and_sign(world)
    facilitator = deaf(world)
    await pause(world)
    refused = await world.buyer.present(*one)
    assert refusal(refused) == (503, "paused")
    assert facilitator.asked == []
    assert int(refused.headers["retry-after"]) >= 1
    assert "drill" not in refused.text
    assert await world.orders() == []
    assert world.runs["echo"] == world.settlements() == 0
    await resume(world)
    assert (await world.buyer.present(*one)).status_code == 200


async def test_while_paused_terms_say_so_and_still_bind(world):
    await pause(world)
    one = await quote_and_sign(world)
    assert "paused" in one[0].required["error"]
    await resume(world)
    assert "paused" not in (await world.buyer.ask(world.url("echo"))).required["error"]
    assert (await world.buyer.present(*one)).status_code == 200


async def test_it_takes_effect_within_two_seconds_where_the_switch_was_just_read(world):
    assert (await world.buyer.buy(world.url("echo"))).status_code == 200
    await turn(world.db, world.clock, on=True, reason="now", by="test")
    world.clock.advance(1)
    assert refusal(await world.buyer.buy(world.url("echo"))) == (503, "paused")
    await turn(world.db, world.clock, on=False, reason="", by="test")
    world.clock.advance(1)
    assert (await world.buyer.buy(world.url("echo"))).status_code == 200


async def test_of_many_requests_at_once_one_reads_the_switch(world):
    reads = []

    class Counted:
        def read(self):
            reads.append(1)
            return world.db.read()

    one = await quote_and_sign(world)
    world.clock.advance(1)
    watch = world.paddock.admission.pause
    assert not any(await asyncio.gather(*(watch.paused(Counted(), world.clock) for _ in range(100))))
    assert len(reads) == 1
    assert (await world.buyer.present(*one)).status_code == 200


async def test_an_answer_that_was_paid_for_is_given_again_while_paused(world):
    one = await quote_and_sign(world)
    first = await world.buyer.present(*one)
    await pause(world)
    again = await world.buyer.present(*one)
    assert (again.status_code, again.content) == (200, first.content)


async def test_an_order_whose_handler_was_at_work_is_not_settled_until_settlement_goes_on():
    async def pausing(_arguments, _context):
        await pause(worlds[0])
        return "done"

    worlds = []
    async with open_world(service("pausing", pausing)) as world:
        worlds.append(world)
        facilitator = deaf(world)
        one = await quote_and_sign(world, "pausing")
        answer = await world.buyer.present(*one)
        assert refusal(answer) == (503, "settlement-in-doubt")
        assert answer.json()["order_id"] == one[0].id
        assert facilitator.asked == ["verify"], "nothing was asked of a facilitator that may know no pause"
        held = await world.buyer.present(*one)
        assert refusal(held) == (503, "paused")
        assert held.json()["order_id"] == one[0].id
        await resume(world)
        assert (await world.buyer.present(*one)).status_code == 200
        assert world.settlements() == 1


async def test_the_facilitator_verifies_nothing_and_settles_nothing_while_paused(world):
    quoted, header = await quote_and_sign(world)
    paid = read_header(header)
    body = {"x402Version": 2, "paymentPayload": paid, "paymentRequirements": paid["accepted"]}
    await pause(world)
    assert (await world.client.post("/facilitator/verify", json=body)).status_code == 503
    settled = (await world.client.post("/facilitator/settle", json=body)).json()
    assert (settled["success"], settled["errorReason"]) == (False, "settlement_pending")
    assert world.db.tables.settlements == {}, "it was not even admitted"
    await world.work(10)
    assert world.chain.broadcasts == []
    await resume(world)
    assert (await world.buyer.present(quoted, header)).status_code == 200


async def test_what_was_queued_and_not_sent_when_it_was_paused_is_sent_after_it(world):
    """The switch is turned between admission and signature: the settler itself looks at it."""
    one = await quote_and_sign(world)

    def switch_on(name, when):
        if (name, when) == ("settlement admitted", "committed"):
            world.db.hooks.clear()
            world.settler._pause.seen_at = None
            switched = Switch(SETTLEMENT_PAUSED, True, "drill", world.clock.now(), "test")
            world.db.tables.switches[SETTLEMENT_PAUSED] = switched

    world.db.hooks.append(switch_on)
    assert (await world.buyer.present(*one)).status_code == 503
    assert world.chain.broadcasts == []
    await resume(world)
    assert (await world.buyer.present(*one)).status_code == 200
    assert world.settlements() == 1


async def test_bytes_that_got_lost_on_their_way_go_out_again_only_after_it(world):
    one = await quote_and_sign(world)
    world.chain.drop_next = 1
    under_way = asyncio.create_task(world.buyer.present(*one))
    while not world.chain.broadcasts:
        await turns(1)
    await pause(world)
    assert (await under_way).status_code == 503
    started_again = Settler(world.db, world.paddock.home, world.clock, LocalSigner(SETTLER))
    task = asyncio.create_task(started_again.run())
    await world.work(30)
    assert len(world.chain.broadcasts) == 1
    await resume(world)
    await world.work(10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (await world.buyer.present(*one)).status_code == 200
    assert world.settlements() == 1


@pytest.mark.parametrize(("path", "outcome"), [("access-pass", 200), ("launch-pass", 502)])
async def test_callbacks_and_refunds_wait_and_end_after_it(world, path, outcome):
    if path == "launch-pass":  # its one pass is gone, so the callback fails and a refund is due
        async with world.workers():
            assert (await world.buyer.buy(world.url(path), "POST", {})).status_code == 200
    one = await quote_and_sign(world, path, "POST", {})
    waiting = await world.buyer.present(*one)
    assert waiting.status_code == 202, "no worker runs"
    sent = len(world.chain.broadcasts)
    if path == "launch-pass":
        await world.work_once()
        assert (await world.order(one[0].id)).money_back is MoneyBackState.DUE
    await pause(world)
    await world.work(30)
    order = await world.order(one[0].id)
    assert len(world.chain.broadcasts) == sent
    assert (order.fulfilment, order.money_back) in (
        (FulfilmentState.EXECUTING, MoneyBackState.NONE),
        (FulfilmentState.FAILED, MoneyBackState.DUE),
    )
    await resume(world)
    await world.work(30)
    assert (await world.buyer.present(*one)).status_code == outcome
    ended = await world.order(one[0].id)
    assert (ended.fulfilment, ended.money_back) in (
        (FulfilmentState.RELEASED, MoneyBackState.NONE),
        (FulfilmentState.FAILED, MoneyBackState.REFUNDED),
    )


async def test_jobs_that_were_held_for_a_day_are_not_taken_for_jobs_that_failed(world):
    one = await quote_and_sign(world, "access-pass", "POST", {})
    assert (await world.buyer.present(*one)).status_code == 202
    await pause(world)
    for _ in range(MOST_ATTEMPTS + 1):
        world.clock.advance(2)
        await world.work_once()
    await resume(world)
    world.chain.unavailable = True
    await world.work_once()
    world.chain.unavailable = False
    await world.work(10)
    assert (await world.order(one[0].id)).fulfilment is FulfilmentState.RELEASED


async def test_where_the_switch_cannot_be_read_terms_are_given_and_nothing_is_sold(world, monkeypatch):
    class Away:
        def __call__(self):
            raise DatabaseUnavailable("the database did not answer: OSError")

    one = await quote_and_sign(world)
    world.clock.advance(1)
    monkeypatch.setattr(world.db, "read", Away())
    assert (await world.client.get(world.url("echo"))).status_code == 402
    answer = await world.buyer.present(*one)
    monkeypatch.undo()
    assert refusal(answer) == (503, "database-unavailable")
    assert await world.orders() == []


async def test_the_console_pauses_and_resumes_and_strangers_and_neighbours_do_not(world):
    neighbour = {**CONSOLE, "Sec-Fetch-Site": "same-site"}
    for headers in ({}, neighbour):
        answer = await world.client.post("/console/pause", data={"reason": "x"}, headers=headers)
        assert answer.status_code == 401
    await turns(5)
    assert (await world.client.get("/console", headers=CONSOLE)).text.count("Pause all settlement") == 1
    turned = await world.client.post(
        "/console/pause", data={"reason": "<b>key leak</b>"}, headers={**CONSOLE, "Sec-Fetch-Site": "same-origin"}
    )
    assert (turned.status_code, turned.headers["location"]) == (303, "/console")
    world.clock.advance(1)
    shown = (await world.client.get("/console", headers=CONSOLE)).text
    assert "Settlement is paused" in shown
    assert "&lt;b&gt;key leak" in shown
    assert (await world.client.get("/health/ready")).json()["checks"]["database"]["paused"] is True
    assert refusal(await world.buyer.buy(world.url("echo"))) == (503, "paused")
    assert (await world.client.post("/console/resume")).status_code == 401
    assert (await world.client.post("/console/resume", headers=neighbour)).status_code == 401
    assert (await world.client.post("/console/resume", headers=CONSOLE)).status_code == 303
    world.clock.advance(1)
    assert (await world.buyer.buy(world.url("echo"))).status_code == 200
    assert (await world.order((await world.orders())[0].id)).payment is PaymentState.SETTLED
