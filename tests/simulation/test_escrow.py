"""A task that is charged only when it succeeds: held by the escrow, then released, given back or taken back."""

import asyncio
from dataclasses import replace

import pytest

from protocol.payment import PERMIT2
from protocol.typed_data import order_nonce
from scripts.accounts import account
from server.application.decide import Decision, decide
from server.application.execute import execute
from server.application.refund_by_hand import refund_by_hand
from server.domain.calls import encode_call
from server.domain.cases import CaseKind, Outcome
from server.domain.holds import release_call
from server.domain.outages import ChainUnavailable
from server.domain.states import FulfilmentState, MoneyBackState
from server.ports import Purpose, Verdict
from server.services.chain_watch import SERVICE as CHAIN_WATCH
from tests.fakes.chain import DAI_ASSET, DOLLAR
from tests.fakes.escrow import ESCROW, PERIOD
from tests.simulation.escrow_world import (
    FRIEND,
    PRICE,
    as_payer,
    assert_given_back,
    assert_released,
    buy,
    held,
    holding,
    rows,
)
from tests.simulation.world import open_world


@pytest.fixture
async def world():
    async with open_world(CHAIN_WATCH) as opened:
        yield opened


async def test_a_task_that_comes_true_is_answered_and_its_payment_released(world):
    world.chain.give(FRIEND, 5)
    async with world.workers():
        quoted, _, answer = await buy(world)
    assert answer.status_code == 200, answer.text
    assert answer.json()["steps"] == [{"kind": "holds", "subject": FRIEND, "found": "5"}]
    await assert_released(world, quoted.id)
    delegate, escrow = f"delegate:{account('delegate').address}", f"callback:{ESCROW}"
    payer = f"payer:{world.buyer.account.address}"
    assert await rows(world, quoted.id) == [
        ("settlement", delegate, payer, PRICE),
        ("payout", escrow, delegate, PRICE),
    ]


async def test_a_task_that_fails_has_its_payment_given_back_by_the_contract(world):
    quoted, header = await holding(world, within=40)
    assert [kind for kind, *_ in await rows(world, quoted.id)] == ["settlement", "payout"]
    await world.work(20)
    await assert_given_back(world, quoted.id)
    order = await world.order(quoted.id)
    assert order.failure == "step 1 of 1 (holds) was not seen true within 40 s"
    payer = world.buyer.account.address
    assert (await rows(world, quoted.id))[2] == ("refund", f"payer:{payer}", f"callback:{ESCROW}", PRICE)
    told = await world.buyer.present(quoted, header)
    assert (told.status_code, told.json()["refund"]) == (502, {"state": "refunded", "transaction": order.refund_tx})


async def test_a_task_waits_as_long_as_it_may_and_nobody_takes_it_for_stuck(world):
    quoted, header, answer = await buy(world, within=3_000)
    assert answer.status_code == 202
    await world.work(2_000)
    assert (await world.order(quoted.id)).fulfilment is FulfilmentState.EXECUTING
    async with world.db.read() as view:
        assert await view.cases.of(quoted.id) == []
        waits = [event for event in await view.orders.timeline(quoted.id) if event.what == "waiting"]
    assert 5 <= len(waits) <= 7
    world.chain.give(FRIEND, 5)
    await world.work(10)
    given = await world.buyer.present(quoted, header)
    assert (given.status_code, given.json()["steps"][0]["found"]) == (200, "5")
    assert given.json()["after_seconds"] >= 2_000


async def test_the_terms_say_that_the_payment_is_held_and_for_how_long(world):
    quoted = await world.buyer.ask(world.url("chain-watch"), "POST", CHAIN_WATCH.example)
    (entry,) = quoted.required["accepts"]
    assert entry["extra"]["callback"] == ESCROW
    assert entry["extra"]["heldSeconds"] == str(PERIOD)
    assert "given back" in quoted.required["resource"]["description"]


async def test_a_payer_who_releases_early_is_told_what_the_chain_says(world):
    quoted, header = await holding(world)
    await as_payer(world, release_call(quoted.id))
    await world.work(10)
    await assert_released(world, quoted.id)
    given = await world.buyer.present(quoted, header)
    assert given.status_code == 200
    assert given.json()["events"]["Released"]["by"] == world.buyer.account.address


async def test_a_payer_who_releases_what_was_about_to_go_back_has_paid(world):
    quoted, _ = await holding(world, within=40)
    world.db.hooks.append(lambda name, _when: lost() if name == "refund signed" else None)
    await world.work(30)
    assert (await world.order(quoted.id)).money_back is MoneyBackState.DUE
    await as_payer(world, release_call(quoted.id))
    world.db.hooks.clear()
    await world.work(60)
    await assert_released(world, quoted.id)


def lost():
    raise RuntimeError("the database is gone")


@pytest.mark.parametrize("to", ["buyer", "foreign_buyer"], ids=["to itself", "to another address"])
async def test_with_every_server_dead_the_payer_takes_it_back_and_the_order_ends_so(world, to):
    quoted, header = await holding(world)
    to = FRIEND if to == "foreign_buyer" else world.buyer.account.address
    world.clock.advance(PERIOD + 1)
    await as_payer(world, encode_call("reclaim(bytes32,address)", order_nonce(quoted.id), to))
    await world.work(20)
    await assert_given_back(world, quoted.id, to)
    assert (await rows(world, quoted.id))[-1] == ("refund", f"payer:{to}", f"callback:{ESCROW}", PRICE)
    order = await world.order(quoted.id)
    assert order.failure == "the payment went back to its payer before the task was done"
    assert (await world.buyer.present(quoted, header)).status_code == 502


async def test_what_was_done_too_late_for_the_arbiter_goes_back(world, monkeypatch):
    """A hold that no arbiter can release any more is not delivered for nothing: it is given back."""
    world.chain.give(FRIEND, 5)
    quoted, _, _ = await buy(world, within=3_600)
    lasting = replace(CHAIN_WATCH, run=forgets_the_time)
    monkeypatch.setitem(world.paddock.services, "chain-watch", lasting)
    world.db.hooks.append(lambda name, _when: lost() if name == "release signed" else None)
    await world.work(5)
    world.db.hooks.clear()
    world.clock.advance(PERIOD + 1)
    await world.work(60)
    await assert_given_back(world, quoted.id)
    assert (await world.order(quoted.id)).failure.startswith("NotAllowed(")


async def forgets_the_time(arguments, context):
    return await CHAIN_WATCH.run(arguments, replace(context, paid_at=context.clock.now()))


async def test_what_the_token_refuses_to_give_back_stays_held_and_owed_until_a_person_asks_again(world):
    quoted, _ = await holding(world, within=40)
    world.chain.state.blacklist.add(world.buyer.account.address)
    await world.work(30)
    order = await world.order(quoted.id)
    assert (order.money_back, order.owes) == (MoneyBackState.BLOCKED, True)
    assert held(world, quoted.id) is not None
    async with world.db.read() as view:
        (case,) = [one for one in await view.cases.of(quoted.id) if one.kind is CaseKind.REFUND_BLOCKED]
    world.chain.state.blacklist.clear()
    await decide(world.paddock, case.id, Decision(Outcome.REFUND, "your money is sent again"))
    await world.work(30)
    await assert_given_back(world, quoted.id)


async def test_a_give_back_that_reverts_when_it_is_mined_is_blocked_and_can_be_asked_for_again(world):
    quoted, _ = await holding(world, within=40)
    world.chain.automine, world.chain.block_seconds = False, 10_000
    await world.work(20)
    assert (await world.order(quoted.id)).money_back is MoneyBackState.SENDING
    world.chain.state.paused = True
    world.chain.mine()
    world.chain.automine, world.chain.block_seconds = True, 1
    await world.work(5)
    assert (await world.order(quoted.id)).money_back is MoneyBackState.BLOCKED
    world.chain.state.paused = False
    await refund_by_hand(world.paddock, quoted.id, retry=True)
    await world.work(30)
    await assert_given_back(world, quoted.id)


@pytest.mark.parametrize("balance", [0, 5])
async def test_a_token_without_eip3009_is_held_by_permit2(balance):
    dai = replace(DAI_ASSET, decimals=6)
    async with open_world(CHAIN_WATCH, assets=(dai, DOLLAR)) as world:
        payer, delegate = world.buyer.account.address, world.paddock.market.delegate
        world.chain.give(payer, 10**9, dai.address)
        for owner in (payer, delegate):
            world.chain.allow(owner, PERMIT2, 2**255, dai.address)
        world.chain.give(FRIEND, balance, dai.address)
        asked = {"until": [{"kind": "holds", "address": FRIEND, "at_least": "5"}], "within": 40}
        quoted = await world.buyer.ask(world.url("chain-watch"), "POST", asked)
        await world.buyer.present(quoted, world.buyer.permit(quoted))
        await world.work(60)
        state = (await world.order(quoted.id)).fulfilment
        assert state is (FulfilmentState.RELEASED if balance else FulfilmentState.FAILED)
        assert world.chain.state.books(dai.address).money[ESCROW] == (PRICE if balance else 0)


async def test_a_task_that_many_workers_run_at_once_is_released_once(world):
    world.chain.give(FRIEND, 5)
    quoted, _, _ = await buy(world)
    await asyncio.gather(*(execute(world.paddock, quoted.id) for _ in range(20)), return_exceptions=True)
    while (await world.order(quoted.id)).fulfilment is FulfilmentState.EXECUTING:
        await asyncio.gather(*(execute(world.paddock, quoted.id) for _ in range(20)), return_exceptions=True)
        world.chain.mine()
    await assert_released(world, quoted.id)
    sent = [one for block in world.chain.blocks for one in block.transactions if one.to == ESCROW]
    assert [one.data[:4] for one in sent].count(release_call(quoted.id)[:4]) == 1


@pytest.mark.parametrize("balance", [5, 0], ids=["release", "give back"])
async def test_nothing_is_decided_while_the_chain_does_not_show_the_payment(world, balance):
    quoted, _ = await holding(world, within=60)
    await elsewhere(world, quoted.id, 1)
    world.chain.give(FRIEND, balance)
    await world.work(40)
    assert held(world, quoted.id) is not None
    await elsewhere(world, quoted.id, -1)
    if not balance:
        await world.work(10)
        assert (await world.order(quoted.id)).fulfilment is FulfilmentState.FAILED
    await world.work(60)
    assert (await world.order(quoted.id)).fulfilment is not FulfilmentState.EXECUTING


async def elsewhere(world, order_id, blocks):
    """The payment is written down with a block in which the chain does not show it, or shows it again."""
    order = await world.order(order_id)
    order.settlement_block += blocks
    async with world.db.begin("test") as work:
        await work.orders.save(order)


async def test_a_refund_waits_while_the_chain_does_not_show_the_payment(world):
    quoted, _ = await holding(world, within=40)
    world.db.hooks.append(lambda name, _when: lost() if name == "refund signed" else None)
    await world.work(15)
    await elsewhere(world, quoted.id, 1)
    world.db.hooks.clear()
    await world.work(60)
    assert ((await world.order(quoted.id)).money_back, held(world, quoted.id) is None) == (MoneyBackState.DUE, False)
    await elsewhere(world, quoted.id, -1)
    await world.work(30)
    await assert_given_back(world, quoted.id)


async def test_a_chain_that_does_not_answer_the_task_fails_nothing(world, monkeypatch):
    world.chain.give(FRIEND, 5)
    quoted, _, _ = await buy(world)
    failures = [ChainUnavailable("no answer")] * 3

    async def run(arguments, context):
        if failures:
            raise failures.pop()
        return await CHAIN_WATCH.run(arguments, context)

    monkeypatch.setitem(world.paddock.services, "chain-watch", replace(CHAIN_WATCH, run=run))
    await world.work(25)
    assert failures == []
    await assert_released(world, quoted.id)


async def test_a_payer_who_releases_while_the_task_is_run_has_paid(world, monkeypatch):
    world.chain.give(FRIEND, 5)
    quoted, _, _ = await buy(world)

    async def run(arguments, context):
        if held(world, quoted.id):
            await as_payer(world, release_call(quoted.id))
        return await CHAIN_WATCH.run(arguments, context)

    monkeypatch.setitem(world.paddock.services, "chain-watch", replace(CHAIN_WATCH, run=run))
    await world.work(20)
    await assert_released(world, quoted.id)
    async with world.db.read() as view:
        assert "failed" not in [event.new for event in await view.orders.timeline(quoted.id)]


class Screening:
    """Refuses every refund, or lets something happen before it allows it."""

    def __init__(self, before=None):
        self.before = before

    async def check(self, _address, _party, purpose):
        if purpose is Purpose.REFUND and self.before:
            await self.before()
        return Verdict(purpose is not Purpose.REFUND or self.before is not None, "a list")


async def test_what_screening_refuses_to_give_back_stays_held_and_owed(world):
    quoted, _ = await holding(world, within=40)
    world.paddock = world.app.state.paddock = replace(world.paddock, screening=Screening())
    await world.work(30)
    assert (await world.order(quoted.id)).money_back is MoneyBackState.BLOCKED
    assert held(world, quoted.id) is not None


async def test_a_payer_who_releases_while_it_is_given_back_has_paid(world):
    quoted, _ = await holding(world, within=40)

    async def releases():
        if held(world, quoted.id):
            await as_payer(world, release_call(quoted.id))

    world.paddock = world.app.state.paddock = replace(world.paddock, screening=Screening(releases))
    await world.work(30)
    await assert_released(world, quoted.id)


async def test_a_release_that_is_mined_after_the_deadline_reverts_and_the_payment_goes_back(world):
    quoted, header = await holding(world)
    world.chain.automine, world.chain.block_seconds = False, 10**9
    world.chain.give(FRIEND, 5)
    await world.work(4)
    assert (held(world, quoted.id) is None, len(world.chain.pending)) == (False, 1)
    world.clock.advance(PERIOD + 1)
    world.chain.mine()
    world.chain.automine, world.chain.block_seconds = True, 1
    await world.work(60)
    await assert_given_back(world, quoted.id)
    assert (await world.buyer.present(quoted, header)).status_code == 502


async def test_of_two_holds_each_ends_by_its_own_word(world):
    (first, _), (second, _) = await holding(world, within=600), await holding(world, within=600)
    await as_payer(world, release_call(first.id))
    world.clock.advance(PERIOD + 1)
    reclaim = encode_call("reclaim(bytes32,address)", order_nonce(second.id), world.buyer.account.address)
    await as_payer(world, reclaim)
    await world.work(30)
    assert (await world.order(first.id)).fulfilment is FulfilmentState.RELEASED
    assert (await world.order(second.id)).money_back is MoneyBackState.REFUNDED
