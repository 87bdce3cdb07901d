"""Refunds that the token or a list refuses, that are asked for many times, or too early: F23 and W9."""

import asyncio

import pytest

from scripts.accounts import account
from server.application.decide import Decision, decide
from server.application.reconcile import reconcile
from server.application.refund import refund
from server.application.refund_by_hand import refund_by_hand
from server.domain.cases import CaseKind, CaseState, Opening, Outcome
from server.domain.errors import RefundRefused
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.tasks import USE_CASES, perform
from tests.simulation.world import MERCHANT_KEY, TOKEN, WorldBuyer, open_world

LAUNCH = "launch-pass"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
MERCHANT = {"Authorization": f"Bearer {MERCHANT_KEY}"}


@pytest.fixture
async def world():
    """The one launch pass is sold: every further payment for it has to go back."""
    async with open_world() as opened:
        await buy(opened, opened.buyer)
        yield opened


async def buy(world, buyer):
    quoted = await buyer.ask(world.url(LAUNCH), "POST", {})
    async with world.workers():
        await buyer.present(quoted, buyer.pay(quoted))
    return quoted.id


async def executing(world, buyer=None):
    """The id of an order whose payment has settled and whose callback no worker has run yet."""
    buyer = buyer or world.buyer
    quoted = await buyer.ask(world.url(LAUNCH), "POST", {})
    assert (await buyer.present(quoted, buyer.pay(quoted))).status_code == 202
    return quoted.id


async def owed(world, buyer=None):
    """The id of an order whose callback failed and whose money is due back; no worker has looked at it since."""
    order_id = await executing(world, buyer)
    await take(world, "execute")
    assert (await world.order(order_id)).money_back is MoneyBackState.DUE
    return order_id


async def denied(world):
    """The id of a settled order that failed, as if nobody had asked for its refund."""
    order = await world.order(await executing(world))
    order.fulfil(FulfilmentState.FAILED, "given up by the test")
    async with world.db.begin("test") as work:
        await work.orders.save(order)
    return order.id


async def take(world, topic):
    """Perform the due jobs of one topic only."""
    now = world.clock.now()
    async with world.db.begin("jobs taken") as work:
        jobs = [job for job in await work.outbox.take(now, now, 100) if job.topic == topic]
    for job in jobs:
        await perform(world.paddock, job, USE_CASES[job.topic])


def another(world):
    """A second payer with money."""
    buyer = WorldBuyer(world.client, clock=world.clock)
    world.chain.give(buyer.account.address, 10_000_000)
    return buyer


async def sent_back(world, buyer):
    """How many Transfers the delegate wallet made to a payer."""
    asset, payer = world.paddock.market.asset.address, buyer.account.address
    logs = await world.chain.transfers(asset, payer)
    return len([log for log in logs if log.recipient == payer])


async def cases_of(world, order_id, kind=CaseKind.REFUND_BLOCKED):
    async with world.db.read() as view:
        return [case for case in await view.cases.of(order_id) if case.kind is kind]


def refuse(world, how, buyer):
    """Make the token refuse; what undoes it."""
    state = world.chain.state
    if how == "paused":
        state.paused = True
        return lambda: setattr(world.chain.state, "paused", False)
    address = buyer.account.address if how == "payer blacklisted" else account("delegate").address
    state.blacklist.add(address)
    return lambda: world.chain.state.blacklist.discard(address)


def dispute_of(order_id):
    return Opening(CaseKind.DISPUTED, order_id, "where is my money", order_id, "paddock")


TROUBLES = ("payer blacklisted", "payee blacklisted", "paused")


class TestF23:
    """The token refuses the refund: blocked, a liability with a case, and the others go on."""

    @pytest.mark.parametrize("how", TROUBLES)
    async def test_f23_a_refund_that_the_token_refuses_is_blocked_with_a_case_and_stays_owed(self, world, how):
        order_id = await owed(world)
        mend = refuse(world, how, world.buyer)
        await world.work(30)
        order = await world.order(order_id)
        assert (order.money_back, order.owes) == (MoneyBackState.BLOCKED, True)
        (case,) = await cases_of(world, order_id)
        assert case.state is CaseState.OPEN
        public = (await world.client.get(f"/api/orders/{order_id}")).json()
        assert public["case"] == {"kind": "refund_blocked", "state": "open", "outcome": None, "reason": None}
        assert "refund is blocked" in public["failure"]
        assert world.buyer.account.address.lower()[2:] not in str(public).lower()
        async with world.db.read() as view:
            assert await view.proofs.get(order_id) is None, "what is owed is not proven as ended"
        mend()

    @pytest.mark.parametrize("how", TROUBLES)
    async def test_f23_a_blocked_refund_is_retried_when_the_cause_is_gone_and_paid_exactly_once(self, world, how):
        order_id = await owed(world)
        mend = refuse(world, how, world.buyer)
        await world.work(30)
        mend()
        (case,) = await cases_of(world, order_id)
        decision = Decision(Outcome.REFUND, "your money is sent again")
        await asyncio.gather(
            *(decide(world.paddock, case.id, decision) for _ in range(20)),
            *(refund_by_hand(world.paddock, order_id, retry=True) for _ in range(20)),
            return_exceptions=True,
        )
        await asyncio.gather(*(refund(world.paddock, order_id) for _ in range(20)), return_exceptions=True)
        await world.work(60)
        order = await world.order(order_id)
        assert (order.money_back, order.owes) == (MoneyBackState.REFUNDED, False)
        assert await sent_back(world, world.buyer) == 1
        public = (await world.client.get(f"/api/orders/{order_id}")).json()
        assert public["case"]["outcome"] == "refund"
        assert order.final_at is not None
        proof = (await world.client.get(f"/api/orders/{order_id}/proof", headers=OPERATOR)).json()
        assert proof["settlement"]["moneyBack"] == "refunded"
        with pytest.raises(RefundRefused, match="went back already"):
            await refund_by_hand(world.paddock, order_id, retry=True)

    async def test_f23_a_refund_that_reverts_when_it_is_mined_is_blocked_and_can_be_retried(self, world):
        order_id = await owed(world)
        world.chain.automine = False
        world.chain.block_seconds = 10_000
        await take(world, "refund")
        assert (await world.order(order_id)).money_back is MoneyBackState.SENDING
        mend = refuse(world, "paused", world.buyer)
        world.chain.mine()
        world.chain.automine, world.chain.block_seconds = True, 1
        await refund(world.paddock, order_id)
        assert (await world.order(order_id)).money_back is MoneyBackState.BLOCKED
        mend()
        await refund_by_hand(world.paddock, order_id, retry=True)
        await refund(world.paddock, order_id)
        assert (await world.order(order_id)).money_back is MoneyBackState.SENDING
        await world.work(60)
        assert (await world.order(order_id)).money_back is MoneyBackState.REFUNDED
        assert await sent_back(world, world.buyer) == 1

    async def test_f23_a_refund_whose_nonce_shows_before_its_transfer_is_waited_for(self, world, monkeypatch):
        order_id = await owed(world)
        await take(world, "refund")
        search = world.chain.spent_in

        async def blind(*asked):
            return []

        monkeypatch.setattr(world.chain, "spent_in", blind)
        await refund(world.paddock, order_id)
        assert (await world.order(order_id)).money_back is MoneyBackState.SENDING
        looks = []

        async def blind_at_first(*asked):
            looks.append(asked)
            return [] if len(looks) == 1 else await search(*asked)

        world.chain.mine(world.chain.finality + 1)
        monkeypatch.setattr(world.chain, "spent_in", blind_at_first)
        await refund(world.paddock, order_id)
        assert (await world.order(order_id)).money_back is MoneyBackState.REFUNDED
        assert (await sent_back(world, world.buyer), await cases_of(world, order_id)) == (1, [])
        assert await reconcile(world.paddock) == []

    async def test_f23_a_refund_whose_nonce_was_cancelled_is_blocked_once_that_is_final(self, world, monkeypatch):
        order_id = await owed(world)
        cancelled_in = len(world.chain.blocks)

        async def used(_spend, block=None):
            return block is None or block >= cancelled_in

        monkeypatch.setattr(world.chain, "nonce_used", used)
        assert await refund(world.paddock, order_id) is not None, "it is looked at again"
        assert (await world.order(order_id)).money_back is MoneyBackState.DUE
        world.chain.mine(world.chain.finality + 1)
        assert await refund(world.paddock, order_id) is None
        assert (await world.order(order_id)).money_back is MoneyBackState.BLOCKED
        (case,) = await cases_of(world, order_id)
        assert case.detail == "the nonce was cancelled without a transfer"

    async def test_f23_a_retry_before_the_cause_is_gone_is_blocked_again_with_a_case_of_its_own(self, world):
        order_id = await owed(world)
        mend = refuse(world, "payer blacklisted", world.buyer)
        await world.work(30)
        await refund_by_hand(world.paddock, order_id, retry=True)
        await world.work(30)
        order = await world.order(order_id)
        assert order.money_back is MoneyBackState.BLOCKED
        assert order.failure.count("blocked") == 1
        states = [case.state for case in await cases_of(world, order_id)]
        assert sorted(states) == [CaseState.OPEN, CaseState.RESOLVED]
        mend()
        await refund_by_hand(world.paddock, order_id, retry=True)
        await world.work(60)
        assert await sent_back(world, world.buyer) == 1

    async def test_f23_the_queue_moves_the_others_are_refunded(self, world):
        listed, fine = another(world), another(world)
        blocked = await owed(world, listed)
        refuse(world, "payer blacklisted", listed)
        others = [await owed(world, fine) for _ in range(3)]
        await world.work(60)
        assert (await world.order(blocked)).money_back is MoneyBackState.BLOCKED
        assert {(await world.order(one)).money_back for one in others} == {MoneyBackState.REFUNDED}
        assert (await sent_back(world, listed), await sent_back(world, fine)) == (0, 3)
        assert await reconcile(world.paddock) == []

    async def test_f23_a_merchant_cannot_reject_what_is_owed_and_the_operator_can_without_the_debt_going_away(
        self, world
    ):
        order_id = await owed(world)
        refuse(world, "payer blacklisted", world.buyer)
        await world.work(30)
        (case,) = await cases_of(world, order_id)
        path, body = f"/api/cases/{case.id}/resolve", {"outcome": "rejection", "reason": "paid by other means"}
        refused = await world.client.post(path, json=body, headers=MERCHANT)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/operator-only")
        assert (await cases_of(world, order_id))[0].state is CaseState.OPEN
        assert (await world.client.post(path, json=body, headers=OPERATOR)).status_code == 200
        assert (await world.order(order_id)).owes

    async def test_f23_a_blocked_refund_is_not_retried_by_accident(self, world):
        order_id = await owed(world)
        refuse(world, "payer blacklisted", world.buyer)
        await world.work(30)
        with pytest.raises(RefundRefused, match="--retry"):
            await refund_by_hand(world.paddock, order_id)
        assert (await world.order(order_id)).money_back is MoneyBackState.BLOCKED


class TestW9:
    """Many refunds are one, and none is made in doubt."""

    async def test_w9_fifty_refunds_asked_at_once_are_one_transfer(self, world):
        order_id = await denied(world)
        asked = await asyncio.gather(
            *(refund_by_hand(world.paddock, order_id) for _ in range(50)), return_exceptions=True
        )
        assert asked.count(None) == 1
        assert {type(error) for error in asked if error} == {RefundRefused}
        await asyncio.gather(*(refund(world.paddock, order_id) for _ in range(50)), return_exceptions=True)
        await world.work(60)
        assert (await world.order(order_id)).money_back is MoneyBackState.REFUNDED
        assert await sent_back(world, world.buyer) == 1

    async def test_w9_fifty_decisions_at_once_are_one_transfer(self, world):
        order_id = await denied(world)
        async with world.db.begin("test") as work:
            case = await work.cases.open(dispute_of(order_id))
        path, body = f"/api/cases/{case.id}/resolve", {"outcome": "refund", "reason": "your money goes back"}
        answers = await asyncio.gather(*(world.client.post(path, json=body, headers=OPERATOR) for _ in range(50)))
        assert sorted(answer.status_code for answer in answers) == [200] + [409] * 49
        await world.work(60)
        assert await sent_back(world, world.buyer) == 1

    async def test_w9_a_refund_while_the_payment_is_in_doubt_is_refused_and_says_why(self, world):
        world.chain.automine, world.chain.block_seconds = False, 10_000
        quoted = await world.buyer.ask(world.url("access-pass"), "POST", {})
        await world.buyer.present(quoted, world.buyer.pay(quoted))
        assert (await world.order(quoted.id)).payment is PaymentState.IN_DOUBT
        with pytest.raises(RefundRefused, match="in doubt"):
            await refund_by_hand(world.paddock, quoted.id)
        async with world.db.begin("test") as work:
            case = await work.cases.open(dispute_of(quoted.id))
        path, body = f"/api/cases/{case.id}/resolve", {"outcome": "refund", "reason": "your money goes back"}
        answer = await world.client.post(path, json=body, headers=OPERATOR)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/refund-refused")
        assert "in doubt" in answer.json()["detail"]
        order = await world.order(quoted.id)
        assert (order.payment, order.money_back) == (PaymentState.IN_DOUBT, MoneyBackState.NONE)
        shown = (await world.client.get(f"/api/cases/{case.id}", headers=OPERATOR)).json()
        assert shown["state"] == "open"
        assert "in doubt" in shown["timeline"][-1]["note"]
