"""Each kind of case, opened by its cause; each outcome, and what the buyer sees of it."""

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application.cases import CASES, DUPLICATE_WITHIN, SETTLES_WITHIN, STUCK_AFTER, open_case, watch_orders
from server.application.decide import Decision, decide
from server.application.deliver import record_settled
from server.application.keep_books import keep_books
from server.application.reconcile import reconcile
from server.application.redeliver import redeliver
from server.application.refund_by_hand import refund_by_hand
from server.application.send import prepare
from server.domain.calls import encode_call
from server.domain.cases import CaseKind, CaseState, Outcome
from server.domain.errors import RefundRefused, UnknownCase
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.relay import relay
from server.services.service import Fulfilment
from server.tasks import USE_CASES, perform
from tests.simulation.world import TOKEN, open_world, service
from tests.stack.signed import signed_request

OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
WHY = "because we looked"


@pytest.fixture
async def world():
    async with open_world() as opened:
        yield opened


async def buy(world, query=""):
    """A delivered order's id, and the payment that bought it."""
    quoted = await world.buyer.ask(world.url("echo", query))
    header = world.buyer.pay(quoted)
    assert (await world.buyer.present(quoted, header)).status_code == 200
    return quoted, header


async def watched(world):
    """Every case there is after a look at all orders, and after a second look that changes nothing."""
    await watch_orders(world.paddock, "")
    first = dict(world.db.tables.cases)
    await watch_orders(world.paddock, "")
    assert world.db.tables.cases == first
    return list(first.values())


async def seen_by_buyer(world, order_id):
    return (await world.client.get(f"/api/orders/{order_id}")).json()["case"]


async def lines(world, case):
    async with world.db.read() as view:
        return [event.what for event in await view.cases.timeline(case.id)]


async def resolve(world, case, outcome, status=200):
    """Decide over HTTP, as the operator; the answer."""
    body = {"outcome": outcome, "reason": WHY}
    answer = await world.client.post(f"/api/cases/{case.id}/resolve", json=body, headers=OPERATOR)
    assert answer.status_code == status, answer.text
    return answer.json()


async def after(world, span: timedelta):
    world.clock.advance(span.total_seconds() + 1)


OPEN = {"state": "open", "outcome": None, "reason": None}


# ------------------------------------------------------------------------------------------------------ paid but denied


async def paid_and_failed(world, slug="echo"):
    """The id of a DIRECT order whose money came and whose handler failed after that."""
    quoted = await world.buyer.ask(world.url(slug))
    header = world.buyer.pay(quoted)
    assert (await world.buyer.present(quoted, header)).status_code == 502
    await world.submit_as_stranger(header)
    world.foreign.clear()  # it is the order's own Transfer
    order = await world.order(quoted.id)
    order.pay(PaymentState.SETTLING)
    async with world.db.begin("test") as work:
        await work.orders.save(order)
    await record_settled(world.paddock, order.id, await world.chain.spent_in(order.spend, 0))
    return quoted.id, quoted, header


class Moody:
    """A handler that works or does not."""

    def __init__(self):
        self.works, self.runs = False, 0

    def __call__(self, arguments, _context):
        self.runs += 1
        if not self.works:
            raise RuntimeError("canary-secret")
        return {"text": arguments.text}


@pytest.fixture
def moody():
    return Moody()


@pytest.fixture
async def moody_world(moody):
    effects = service("effects", moody, fulfilment=Fulfilment.AFTER_SETTLEMENT)
    async with open_world(service("moody", moody), effects) as opened:
        yield opened


async def test_a_paid_and_failed_order_opens_paid_but_denied_and_redelivery_runs_its_handler_once_more(
    moody, moody_world
):
    world = moody_world
    order_id, quoted, header = await paid_and_failed(world, "moody")
    (case,) = await watched(world)
    assert (case.kind, case.order_id, case.merchant) == (CaseKind.PAID_BUT_DENIED, order_id, "paddock")
    assert await seen_by_buyer(world, order_id) == {"kind": "paid_but_denied", **OPEN}
    await world.work(20)
    async with world.db.read() as view:
        assert await view.proofs.get(order_id) is None
    moody.works = True
    await resolve(world, case, "redelivery")
    await world.work(20)
    seen = await seen_by_buyer(world, order_id)
    assert seen == {"kind": "paid_but_denied", "state": "resolved", "outcome": "redelivery", "reason": WHY}
    answer = await world.buyer.present(quoted, header)
    assert (answer.status_code, answer.json()) == (200, {"text": "hello"})
    assert moody.runs == 2
    proof = (await world.client.get(f"/api/orders/{order_id}/proof", headers=OPERATOR)).json()
    assert proof["order"]["status"] == "completed"


async def test_a_redelivery_that_fails_again_opens_a_new_case_and_the_next_one_delivers(moody, moody_world):
    world = moody_world
    order_id, *_ = await paid_and_failed(world, "moody")
    (first,) = await watched(world)
    await resolve(world, first, "redelivery")
    await world.work(10)
    second = next(case for case in await watched(world) if case.state is CaseState.OPEN)
    assert second.id != first.id
    assert "failed" in second.detail
    assert "canary" not in second.detail
    assert await seen_by_buyer(world, order_id) == {"kind": "paid_but_denied", **OPEN}
    moody.works = True
    await resolve(world, second, "redelivery")
    await world.work(10)
    assert (await world.order(order_id)).fulfilment is FulfilmentState.RELEASED
    assert moody.runs == 3


async def test_g6_a_handler_with_side_effects_that_failed_is_not_run_again_and_its_buyer_is_refunded(
    moody, moody_world
):
    world = moody_world
    quoted = await world.buyer.ask(world.url("effects"))
    assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 202
    await world.work(30)
    assert (await world.order(quoted.id)).money_back is MoneyBackState.REFUNDED
    async with world.db.begin("test") as work:
        case = await open_case(work, CaseKind.DISPUTED, quoted.id, "where is it")
    assert "nothing to deliver" in (await resolve(world, case, "redelivery", status=409))["detail"]
    await world.work(10)
    assert moody.runs == 1


async def test_g6_a_handler_that_has_side_effects_by_now_is_not_run_again(moody, moody_world):
    world = moody_world
    order_id, *_ = await paid_and_failed(world, "moody")
    (first,) = await watched(world)
    world.paddock.services["moody"] = service("moody", moody, fulfilment=Fulfilment.AFTER_SETTLEMENT)
    await resolve(world, first, "redelivery")
    await world.work(10)
    assert moody.runs == 1
    second = next(case for case in await watched(world) if case.state is CaseState.OPEN)
    assert "side effects" in second.detail
    await settle_by_answer(world, order_id)


async def settle_by_answer(world, order_id):
    """End an order that a test is done with, so that nobody is left owed anything."""
    world.paddock.services[(await world.order(order_id)).terms.service] = service("calm", lambda *_: "sorry")
    async with world.db.begin("test") as work:
        await work.outbox.add("redeliver", order_id, world.clock.now())
    await world.work(10)


async def from_float(world):
    """How often the merchant's refund float paid the buyer."""
    own = world.paddock.floats["paddock"].address
    logs = await world.chain.transfers(world.paddock.market.asset.address, own)
    return [log.recipient for log in logs if log.sender == own].count(world.buyer.account.address)


async def test_a_direct_order_that_was_denied_is_refunded_once_from_its_merchants_float(moody, moody_world):
    world = moody_world
    order_id, *_ = await paid_and_failed(world, "moody")
    (case,) = await watched(world)
    await resolve(world, case, "refund")
    await world.work(30)
    assert (await world.order(order_id)).money_back is MoneyBackState.REFUNDED
    with pytest.raises(RefundRefused, match="went back already"):
        await refund_by_hand(world.paddock, order_id)
    await world.work(30)
    assert await from_float(world) == 1


async def test_a_direct_order_that_was_delivered_can_be_refunded_after_a_dispute_and_its_proof_says_so(world):
    quoted, _ = await buy(world)
    await world.work(20)
    async with world.db.begin("test") as work:
        case = await open_case(work, CaseKind.DISPUTED, quoted.id, "it is wrong")
    await resolve(world, case, "refund")
    await world.work(60)
    order = await world.order(quoted.id)
    assert (order.fulfilment, order.money_back) == (FulfilmentState.RELEASED, MoneyBackState.REFUNDED)
    assert await from_float(world) == 1
    proof = (await world.client.get(f"/api/orders/{quoted.id}/proof", headers=OPERATOR)).json()
    assert proof["settlement"]["moneyBack"] == "refunded"


async def test_without_a_float_the_refund_of_a_direct_order_is_blocked_with_a_case_until_there_is_one(world):
    quoted, _ = await buy(world)
    floats = dict(world.paddock.floats)
    world.paddock.floats.clear()
    await refund_by_hand(world.paddock, quoted.id)
    await world.work(20)
    assert (await world.order(quoted.id)).money_back is MoneyBackState.BLOCKED
    (case,) = await watched(world)
    assert (case.kind, case.detail) == (
        CaseKind.REFUND_BLOCKED,
        "merchant paddock has no refund float, and has signed no refund that can be used",
    )
    world.paddock.floats.update(floats)
    await resolve(world, case, "refund")
    await world.work(30)
    assert (await world.order(quoted.id)).money_back is MoneyBackState.REFUNDED
    assert await from_float(world) == 1


async def executing(world):
    """A DELEGATE order that is paid and that no worker has looked at: (quote, payment)."""
    quoted = await world.buyer.ask(world.url("access-pass"), "POST", {})
    header = world.buyer.pay(quoted)
    assert (await world.buyer.present(quoted, header)).status_code == 202
    return quoted, header


async def test_a_failed_delegate_order_without_a_refund_opens_paid_but_denied_and_is_refunded(world):
    quoted, _ = await executing(world)
    order = await world.order(quoted.id)
    order.fulfil(FulfilmentState.FAILED, "given up by the test")
    async with world.db.begin("test") as work:
        await work.orders.save(order)
    (case,) = await watched(world)
    assert case.kind is CaseKind.PAID_BUT_DENIED
    again = await resolve(world, case, "redelivery", status=409)
    assert "nothing to deliver" in again["detail"]
    await resolve(world, case, "refund")
    await world.work(30)
    assert (await world.order(quoted.id)).money_back is MoneyBackState.REFUNDED
    assert (await seen_by_buyer(world, quoted.id))["outcome"] == "refund"


async def test_a_rejected_case_is_not_opened_again_by_itself_and_the_refund_can_be_asked_for_all_the_same(world):
    quoted, _ = await executing(world)
    order = await world.order(quoted.id)
    order.fulfil(FulfilmentState.FAILED, "given up by the test")
    async with world.db.begin("test") as work:
        await work.orders.save(order)
    (case,) = await watched(world)
    await resolve(world, case, "rejection")
    assert [one.state for one in await watched(world)] == [CaseState.RESOLVED]
    for outcome in Outcome:
        await resolve(world, case, outcome, status=409)
    assert (await world.order(quoted.id)).money_back is MoneyBackState.NONE, "what is decided is not decided again"
    assert len(await lines(world, case)) == 2
    await refund_by_hand(world.paddock, quoted.id)
    await world.work(30)
    assert (await world.order(quoted.id)).money_back is MoneyBackState.REFUNDED


async def test_a_blocked_order_without_a_case_is_found(world):
    quoted, _ = await executing(world)
    order = await world.order(quoted.id)
    order.fulfil(FulfilmentState.FAILED, "given up by the test")
    order.give_back(MoneyBackState.DUE)
    order.give_back(MoneyBackState.BLOCKED, "for no reason")
    async with world.db.begin("test") as work:
        await work.orders.save(order)
    (case,) = await watched(world)
    assert case.kind is CaseKind.REFUND_BLOCKED


# ------------------------------------------------------------------------------------------------------------ duplicate


async def test_a_second_payment_for_the_same_request_within_minutes_opens_one_duplicate(world):
    first, _ = await buy(world)
    await buy(world, "?text=other")
    assert await watched(world) == []
    await after(world, DUPLICATE_WITHIN / 2)
    second, _ = await buy(world)
    (case,) = await watched(world)
    assert (case.kind, case.order_id) == (CaseKind.DUPLICATE, second.id)
    assert first.id in case.detail
    await buy(world)
    assert len(await watched(world)) == 1
    assert await seen_by_buyer(world, second.id) == {"kind": "duplicate", **OPEN}
    await resolve(world, case, "rejection")
    assert (await seen_by_buyer(world, second.id))["reason"] == WHY
    assert len(await watched(world)) == 1


async def test_the_same_purchase_later_is_no_duplicate(world):
    await buy(world)
    await after(world, DUPLICATE_WITHIN)
    await buy(world)
    assert await watched(world) == []


# ---------------------------------------------------------------------------------------------------------------- stuck


async def test_an_order_on_which_nothing_happens_opens_stuck_and_a_note_when_it_ends(world):
    quoted, header = await executing(world)
    assert await watched(world) == []
    await after(world, STUCK_AFTER)
    (case,) = await watched(world)
    assert (case.kind, case.order_id) == (CaseKind.STUCK, quoted.id)
    assert await seen_by_buyer(world, quoted.id) == {"kind": "stuck", **OPEN}
    assert "worked on" in (await resolve(world, case, "refund", status=409))["detail"]
    await resolve(world, case, "redelivery", status=409)
    await world.work(10)
    assert (await world.buyer.present(quoted, header)).status_code == 200
    (case,) = await watched(world)
    assert case.state is CaseState.OPEN, "a person closes it"
    assert (await lines(world, case))[-1] == "the order ended"
    await resolve(world, case, "rejection")
    assert (await seen_by_buyer(world, quoted.id))["state"] == "resolved"


# ----------------------------------------------------------------------------------------------- reversed, missing jobs


async def test_the_relay_asks_for_a_look_at_all_orders_every_half_minute(world):
    stop, asked = asyncio.Event(), []

    def hand_over(job):
        if job.topic == CASES:
            asked.append(world.clock.now())
        if len(asked) == 3:
            stop.set()
        jobs.append(asyncio.create_task(perform(world.paddock, job, USE_CASES[job.topic])))

    jobs: list[asyncio.Task[None]] = []
    await relay(world.paddock, hand_over, stop, alive=lambda: None)
    await asyncio.gather(*jobs)
    assert [round((then - at).total_seconds()) for at, then in pairwise(asked)] == [30, 30]


async def test_any_unit_of_work_can_open_a_case_and_takes_it_back_with_itself(world):
    quoted, _ = await buy(world)

    async def lost():
        async with world.db.begin("test") as work:
            await open_case(work, CaseKind.REVERSED, quoted.id, "block 7 is gone")
            raise LookupError

    with pytest.raises(LookupError):
        await lost()
    assert await watched(world) == []
    for _ in range(2):
        async with world.db.begin("test") as work:
            await open_case(work, CaseKind.REVERSED, quoted.id, "block 7 is gone")
    (case,) = await watched(world)
    assert await seen_by_buyer(world, quoted.id) == {"kind": "reversed", **OPEN}
    await resolve(world, case, "rejection")


async def test_an_order_without_the_job_that_it_needs_opens_missing_job_and_gets_it_back(world):
    quoted, _ = await buy(world)
    del world.db.tables.jobs[f"follow:{quoted.id}"]
    await world.work(5)
    assert (await world.order(quoted.id)).final_at is None
    (case,) = await watched(world)
    assert (case.kind, case.order_id) == (CaseKind.MISSING_JOB, quoted.id)
    assert "follow" in case.detail
    assert await seen_by_buyer(world, quoted.id) is None, "this is ours alone"
    asked = signed_request(world.buyer.account, "case", quoted.id, world.clock.now().timestamp())
    for headers, count in ((asked, 0), (OPERATOR, 1)):
        shown = await world.client.get(f"/api/orders/{quoted.id}/case", headers=headers)
        assert len(shown.json()["cases"]) == count
    await world.work(20)
    async with world.db.read() as view:
        assert await view.proofs.get(quoted.id) is not None
    await resolve(world, case, "rejection")


async def test_the_case_that_is_open_is_shown_before_those_that_are_over(world):
    quoted, _ = await buy(world)
    async with world.db.begin("test") as work:
        dispute = await open_case(work, CaseKind.DISPUTED, quoted.id, "x")
    world.clock.advance(10)
    async with world.db.begin("test") as work:
        reversal = await open_case(work, CaseKind.REVERSED, quoted.id, "y")
        await open_case(work, CaseKind.DIFFERENCE, quoted.id, "z")
    await resolve(world, reversal, "rejection")
    assert (await seen_by_buyer(world, quoted.id))["kind"] == "disputed"
    await resolve(world, dispute, "rejection")
    assert (await seen_by_buyer(world, quoted.id))["state"] == "resolved"


# ---------------------------------------------------------------------------------------------------------------- books


async def strangers_transfer(world, amount=777):
    """A stranger sends money to the delegate wallet, for no order; the chain transaction's hash."""
    stranger = LocalSigner(account("stranger").key.hex())
    world.chain.give(stranger.address, amount)
    asset, to = world.paddock.market.asset.address, world.paddock.market.delegate
    prepared = await prepare(world.chain, stranger, asset, encode_call("transfer(address,uint256)", to, amount))
    signed = await stranger.sign(31337, prepared.chain_nonce, prepared.call, prepared.gas, prepared.fees)
    await world.chain.send(signed.raw)
    world.foreign.add(signed.hash)
    return signed.hash


async def test_a_transfer_that_the_ledger_does_not_know_opens_untracked_transfer_once_it_is_no_settlement_under_way(
    world,
):
    transaction = await strangers_transfer(world)
    await keep_books(world.paddock, "books")
    assert world.db.tables.cases == {}
    await after(world, SETTLES_WITHIN)
    for _ in range(2):
        await keep_books(world.paddock, "books")
    (case,) = world.db.tables.cases.values()
    assert case.kind is CaseKind.UNTRACKED_TRANSFER
    assert (case.subject.rpartition(":")[0], case.order_id) == (f"{world.paddock.market.network}:{transaction}", None)
    for outcome in ("refund", "redelivery"):
        assert "no order" in (await resolve(world, case, outcome, status=409))["detail"]
    await resolve(world, case, "rejection")
    shown = (await world.client.get(f"/api/cases/{case.id}", headers=OPERATOR)).json()
    assert (shown["state"], shown["evidence"]) == ("resolved", None)


async def test_what_the_ledger_books_and_the_chain_does_not_show_opens_difference_and_a_later_clean_run_notes_it(
    world,
):
    quoted = await world.buyer.ask(world.url("access-pass"), "POST", {})
    async with world.workers():
        assert (await world.buyer.present(quoted, world.buyer.pay(quoted))).status_code == 200
    world.chain.automine, world.chain.block_seconds = False, 10_000
    payout = await world.chain.mined((await world.order(quoted.id)).callback_tx)
    world.chain.reorganise(len(world.chain.blocks) - payout.block, keep=True)
    assert len(await reconcile(world.paddock)) == 1
    await keep_books(world.paddock, "books")
    assert world.db.tables.cases == {}
    await after(world, SETTLES_WITHIN)
    await keep_books(world.paddock, "books")
    (case,) = world.db.tables.cases.values()
    assert (case.kind, case.order_id) == (CaseKind.DIFFERENCE, quoted.id)
    assert await seen_by_buyer(world, quoted.id) is None
    world.chain.automine, world.chain.block_seconds = True, 1
    await world.work(20)
    assert await reconcile(world.paddock) == []
    for _ in range(2):
        await keep_books(world.paddock, "books")
    assert await lines(world, case) == ["opened", "ledger and chain agree"]
    assert world.db.tables.cases[case.id].state is CaseState.OPEN
    await resolve(world, case, "rejection")


# -------------------------------------------------------------------------------------------------- delivering it again


async def test_redelivery_makes_the_stored_bytes_available_again_for_a_day(world):
    quoted, header = await buy(world)
    world.clock.advance(hours=30)
    path = f"/api/orders/{quoted.id}/delivery"

    async def fetched():
        now = world.clock.now().timestamp()
        asked = signed_request(world.buyer.account, "delivery", quoted.id, now)
        read = await world.client.get(path, headers=asked)
        paid = await world.buyer.present(quoted, header)
        return read.status_code, paid.status_code

    assert await fetched() == (409, 409)
    async with world.db.begin("test") as work:
        case = await open_case(work, CaseKind.DISPUTED, quoted.id, "lost it")
    await resolve(world, case, "redelivery")
    assert await fetched() == (200, 200)
    world.clock.advance(hours=23)
    assert await fetched() == (200, 200)
    world.clock.advance(hours=2)
    assert await fetched() == (409, 409)
    assert world.runs["echo"] == world.settlements() == 1


async def test_redelivery_of_an_answer_that_is_not_kept_any_more_is_refused_with_the_reason(world):
    quoted, _ = await buy(world)
    kept = world.db.tables.deliveries.pop(quoted.id)
    async with world.db.begin("test") as work:
        case = await open_case(work, CaseKind.DISPUTED, quoted.id, "lost it")
    assert "not kept" in (await resolve(world, case, "redelivery", status=409))["detail"]
    world.db.tables.deliveries[quoted.id] = kept


async def test_a_redelivery_gives_way_to_a_refund_that_was_asked_for_meanwhile(moody, moody_world):
    world = moody_world
    order_id, *_ = await paid_and_failed(world, "moody")
    (case,) = await watched(world)
    await resolve(world, case, "redelivery")
    moody.works = True
    order = await world.order(order_id)
    order.give_back(MoneyBackState.DUE)
    async with world.db.begin("test") as work:
        await work.orders.save(order)
    assert await redeliver(world.paddock, order_id) is None
    assert (await world.order(order_id)).fulfilment is FulfilmentState.FAILED
    assert moody.runs == 1
    order = await world.order(order_id)
    order.give_back(MoneyBackState.BLOCKED, "ended by the test")
    async with world.db.begin("test") as work:
        await work.orders.save(order)


async def test_a_case_that_is_not_there_cannot_be_decided(world):
    with pytest.raises(UnknownCase):
        await decide(world.paddock, "case-nobody", Decision(Outcome.REJECTION, WHY))
