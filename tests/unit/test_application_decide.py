"""What a decision on a case may do, and until when; what a fee for an order takes, and what it gives back."""

from datetime import timedelta

import pytest

from server.application.decide import REDELIVERED_FOR, Decision, decide, may_run_again, redelivered
from server.application.order_fees import return_fee, take_fee
from server.application.raise_case import raise_case
from server.domain import fees
from server.domain.cases import MOST_REASON, OPERATOR, CaseKind, CaseState, Opening, Outcome
from server.domain.deliveries import Delivery
from server.domain.errors import (
    BadArguments,
    CaseConflict,
    OperatorOnly,
    OrderRefused,
    StaleWrite,
    UnknownCase,
    UnknownOrder,
)
from server.domain.fees import FeeKind
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.payments.delegate import DELEGATE
from tests.fakes import samples
from tests.fakes.paddocks import bare_paddock, cases, jobs, put, stored

P, F, M = PaymentState, FulfilmentState, MoneyBackState
FAILED = {"payment": P.SETTLED, "fulfilment": F.FAILED}
DELIVERED = {"payment": P.SETTLED, "fulfilment": F.RELEASED}
MERCHANT = "merchant:paddock"


@pytest.fixture
def desk(clock):
    return bare_paddock(clock)


async def opened(desk, order=None, kind=CaseKind.STUCK):
    """The id of a case, about an order if there is one."""
    if order:
        await put(desk, order)
    async with desk.db.begin("case opened") as work:
        opening = Opening(kind, order.id if order else "subject", "detail", order.id if order else None, "paddock")
        return (await work.cases.open(opening)).id


async def kept(desk, order):
    async with desk.db.begin("kept") as work:
        await work.deliveries.put(Delivery(order.id, b"answer", "text/plain", desk.clock.now()))


async def case_of(desk, case_id):
    async with desk.db.read() as view:
        return await view.cases.get(case_id)


async def test_a_decision_for_redelivery_holds_for_exactly_a_day(desk, clock):
    order = samples.order(**DELIVERED)
    case_id = await opened(desk, order)
    await kept(desk, order)
    async with desk.db.read() as view:
        assert not await redelivered(view, order.id, clock.now()), "an open case decides nothing"
    decided = await decide(desk, case_id, Decision(Outcome.REDELIVERY, "again"))
    async with desk.db.read() as view:
        end = decided.resolved_at + REDELIVERED_FOR
        assert await redelivered(view, order.id, end - timedelta(microseconds=1))
        assert not await redelivered(view, order.id, end)
        assert not await redelivered(view, "other", decided.resolved_at)


async def test_a_rejection_makes_no_answer_available(desk, clock):
    order = samples.order(**DELIVERED)
    case_id = await opened(desk, order)
    await decide(desk, case_id, Decision(Outcome.REJECTION, "no"))
    async with desk.db.read() as view:
        assert not await redelivered(view, order.id, clock.now())
    assert await jobs(desk) == []


@pytest.mark.parametrize(
    ("changes", "may"),
    [
        (FAILED, True),
        (FAILED | {"payment": P.AUTHORIZED}, False),
        (DELIVERED, False),
        (FAILED | {"money_back": M.DUE}, False),
        (FAILED | {"money_back": M.REFUNDED}, False),
        (FAILED | {"mode": DELEGATE}, False),
    ],
)
async def test_g6_only_a_paid_handler_that_failed_runs_again_and_only_while_no_money_goes_back(desk, changes, may):
    order = samples.order(**changes)
    assert may_run_again(order) is may
    case_id = await opened(desk, order)
    if may:
        await decide(desk, case_id, Decision(Outcome.REDELIVERY, "again"))
        assert await jobs(desk) == [("redeliver", order.id)]
        return
    with pytest.raises(CaseConflict, match=r"nothing to deliver|not kept any more"):
        await decide(desk, case_id, Decision(Outcome.REDELIVERY, "again"))
    assert (await jobs(desk), (await case_of(desk, case_id)).state) == ([], CaseState.OPEN)


async def test_a_refund_is_asked_for_with_the_decision(desk):
    order = samples.order(**FAILED)
    case_id = await opened(desk, order)
    decided = await decide(desk, case_id, Decision(Outcome.REFUND, "sorry", MERCHANT, "a note"))
    assert (decided.state, decided.outcome, decided.reason) == (CaseState.RESOLVED, Outcome.REFUND, "sorry")
    assert (await stored(desk, order)).money_back is M.DUE
    assert {topic for topic, _ in await jobs(desk)} == {"refund", "follow"}


async def test_a_case_about_no_order_can_only_be_rejected(desk):
    case_id = await opened(desk)
    for outcome in (Outcome.REFUND, Outcome.REDELIVERY):
        with pytest.raises(CaseConflict, match="belongs to no order"):
            await decide(desk, case_id, Decision(outcome, "why"))
    async with desk.db.read() as view:
        assert [line.what for line in await view.cases.timeline(case_id)][1:] == [
            "refund not possible",
            "redelivery not possible",
        ]
    assert (await decide(desk, case_id, Decision(Outcome.REJECTION, "explained"))).state is CaseState.RESOLVED
    with pytest.raises(CaseConflict, match="already"):
        await decide(desk, case_id, Decision(Outcome.REJECTION, "explained"))


@pytest.mark.parametrize(
    ("kind", "outcome", "by", "allowed"),
    [
        (CaseKind.REFUND_BLOCKED, Outcome.REJECTION, MERCHANT, False),
        (CaseKind.REFUND_BLOCKED, Outcome.REJECTION, OPERATOR, True),
        (CaseKind.REFUND_BLOCKED, Outcome.REFUND, MERCHANT, True),
        (CaseKind.STUCK, Outcome.REJECTION, MERCHANT, True),
    ],
)
async def test_f23_who_owes_money_cannot_talk_it_away(desk, kind, outcome, by, allowed):
    case_id = await opened(desk, samples.order(**FAILED, money_back=M.BLOCKED), kind)
    if allowed:
        assert (await decide(desk, case_id, Decision(outcome, "why", by))).outcome is outcome
        return
    with pytest.raises(OperatorOnly, match="a merchant may ask for the refund again"):
        await decide(desk, case_id, Decision(outcome, "why", by))
    assert (await case_of(desk, case_id)).state is CaseState.OPEN


@pytest.mark.parametrize("outcome", Outcome)
async def test_what_was_decided_stays_as_it_is_and_its_timeline_too(desk, outcome):
    case_id = await opened(desk)
    decided = await decide(desk, case_id, Decision(Outcome.REJECTION, "explained"))
    async with desk.db.read() as view:
        before = await view.cases.timeline(case_id)
    with pytest.raises(CaseConflict, match="was resolved by rejection already"):
        await decide(desk, case_id, Decision(outcome, "why"))
    async with desk.db.read() as view:
        assert await view.cases.timeline(case_id) == before
    assert (await case_of(desk, case_id)).resolved_at == decided.resolved_at


async def test_a_decision_on_what_somebody_else_changes_meanwhile_is_refused(desk):
    case_id = await opened(desk)

    def changed(name, when):
        if (name, when) == ("case decided", "commit"):
            raise StaleWrite("changed")

    desk.db.hooks.append(changed)
    with pytest.raises(CaseConflict, match="somebody else changed it at this moment"):
        await decide(desk, case_id, Decision(Outcome.REJECTION, "explained"))
    assert (await case_of(desk, case_id)).state is CaseState.OPEN


async def test_there_is_no_decision_on_a_case_that_there_is_not(desk):
    with pytest.raises(UnknownCase, match="case-none"):
        await decide(desk, "case-none", Decision(Outcome.REJECTION, "why"))


# -------------------------------------------------------------------------------------------------------- raised cases


async def test_a_case_is_raised_once_in_words_of_some_length_and_said_again_if_they_differ(desk):
    order = await put(desk, samples.order())
    longest = "w" * MOST_REASON
    case = await raise_case(desk, order.id, f" {longest} ")
    assert (case.kind, case.detail, case.merchant) == (CaseKind.RAISED, longest, "paddock")
    for words in (longest, "other words"):
        assert (await raise_case(desk, order.id, words)).id == case.id
    async with desk.db.read() as view:
        lines = [(line.what, line.by) for line in await view.cases.timeline(case.id)]
    assert lines == [("opened", OPERATOR), ("raised again", OPERATOR)]


@pytest.mark.parametrize("words", ["", " \n", "w" * (MOST_REASON + 1)])
async def test_a_case_is_not_raised_without_saying_why_in_some_words(desk, words):
    order = await put(desk, samples.order())
    with pytest.raises(BadArguments, match=str(MOST_REASON)):
        await raise_case(desk, order.id, words)
    assert await cases(desk, order) == []


async def test_there_is_no_case_to_raise_about_what_nobody_paid_for(desk):
    with pytest.raises(UnknownOrder, match="nobody has paid"):
        await raise_case(desk, "none", "why")


# ---------------------------------------------------------------------------------------------------------------- fees


async def balance(desk):
    async with desk.db.read() as view:
        return await view.fee_book.balance("paddock")


@pytest.mark.parametrize(("paid_in", "left"), [(100, 0), (101, 1)])
async def test_a_fee_is_taken_of_what_was_paid_in_down_to_nothing_and_given_back_once(desk, paid_in, left):
    async with desk.db.begin("fee") as work:
        await work.fee_book.add(fees.deposit("paddock", paid_in))
        await take_fee(work, "paddock", "order", 100)
    assert await balance(desk) == left
    for _ in range(2):
        async with desk.db.begin("fee back") as work:
            await return_fee(work, "order")
            await return_fee(work, "an order without a fee")
    assert await balance(desk) == paid_in
    async with desk.db.read() as view:
        assert [row.kind for row in await view.fee_book.of("order")] == [FeeKind.FEE, FeeKind.RETURNED]


async def test_a_merchant_who_paid_in_too_little_is_told_both_amounts(desk):
    async with desk.db.begin("fee") as work:
        await work.fee_book.add(fees.deposit("paddock", 99))
        with pytest.raises(OrderRefused, match=r"available=\$0.000099, required=\$0.0001"):
            await take_fee(work, "paddock", "order", 100)
        await take_fee(work, "paddock", "free", 0)
        assert await work.fee_book.of("free") == []
    assert await balance(desk) == 99


@pytest.mark.parametrize("amount", [0, -1])
def test_a_row_of_fees_moves_an_amount_above_zero(amount):
    with pytest.raises(ValueError, match="above zero"):
        fees.deposit("paddock", amount)
