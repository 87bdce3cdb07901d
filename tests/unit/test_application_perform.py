"""F20: what a handler's answer or failure means, how often one runs that is paid first, and how long it is given."""

import asyncio
import dataclasses
from datetime import timedelta

import pytest

from server.application.fulfil import answer
from server.application.paddock import BEGINNING
from server.application.pay import released
from server.application.perform import MOST_RUNS, perform
from server.application.status import status
from server.domain.cases import CaseKind, Opening, Outcome
from server.domain.deliveries import Delivery
from server.domain.errors import AlreadyDelivered, BadArguments, HandlerFailed, RunAgain, UnknownOrder
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.services.service import Answer, Meter, ServiceError, TryAgain
from tests.fakes import samples
from tests.fakes.chain import DOLLAR
from tests.fakes.paddocks import ECHO, bare_paddock, jobs, put, stored
from tests.fakes.samples import NOW

P, F, M = PaymentState, FulfilmentState, MoneyBackState


def service(made, **changes):
    """A service that answers so, or raises it."""

    async def run(_arguments, _context):
        if isinstance(made, BaseException):
            raise made
        return made

    return dataclasses.replace(ECHO, run=run, **changes)


def order(**changes):
    return samples.order(**{"asset": DOLLAR.address, "payment": P.SETTLED, "paid_at": NOW} | changes)


async def answered(made, **changes):
    return await answer(service(made, **changes), b"{}", None, "order x")


METERED = {"meter": Meter("word", 10), "amount": 100}


@pytest.mark.parametrize("turns", range(6))
async def test_who_is_cancelled_as_the_answer_comes_is_cancelled(turns):
    """A worker that went on all the same would never end."""
    began, ready = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def run(_arguments, _context):
        began.set()
        return await ready

    asked = asyncio.create_task(answer(dataclasses.replace(ECHO, run=run), b"{}", None, "order x"))
    await began.wait()
    ready.set_result(Answer(b"x"))
    for _ in range(turns):
        await asyncio.sleep(0)
    if asked.cancel():
        with pytest.raises(asyncio.CancelledError):
            await asked
    else:
        assert (await asked).body == b"x"


@pytest.mark.parametrize("charge", [0, 1, 100])
async def test_a_metered_call_may_cost_from_nothing_to_its_most(charge):
    assert (await answered(Answer(b"x", charge=charge), **METERED)).charge == charge


@pytest.mark.parametrize("charge", [None, -1, 101])
async def test_a_metered_call_that_charges_anything_else_fails(charge):
    with pytest.raises(HandlerFailed, match=f"charges {charge} millionths, and may charge 0 to 100"):
        await answered(Answer(b"x", charge=charge), **METERED)


async def test_a_call_that_is_not_metered_has_its_price():
    assert (await answered(Answer(b"x"))).charge is None


@pytest.mark.parametrize("body", [b"", b"null"])
async def test_an_empty_answer_is_a_failure(body):
    with pytest.raises(HandlerFailed, match="empty answer"):
        await answered(Answer(body))


@pytest.mark.parametrize(
    ("raised", "kind", "words"),
    [
        (ServiceError("wrong words", 404), BadArguments, "wrong words"),
        (TryAgain("not yet"), RunAgain, "echo: not yet"),
        (HandlerFailed("own words"), HandlerFailed, "own words"),
        (TimeoutError(), HandlerFailed, "did not answer within"),
        (ValueError("secret"), HandlerFailed, "echo failed on this request"),
    ],
)
async def test_f20_each_failure_of_a_handler_is_told_as_what_it_is(raised, kind, words):
    with pytest.raises(kind) as caught:
        await answered(raised)
    assert words in caught.value.detail
    assert "secret" not in caught.value.detail
    assert getattr(caught.value, "status", None) == (404 if kind is BadArguments else kind("").status)


async def test_f20_a_handler_that_does_not_answer_in_time_has_failed():
    async def never(_arguments, _context):
        await asyncio.Event().wait()

    with pytest.raises(HandlerFailed, match=r"within 0\.01 s"):
        await answer(dataclasses.replace(ECHO, run=never, timeout=0.01), b"{}", None, "order x")


async def test_arguments_that_the_service_does_not_take_any_more_are_not_the_buyers_mistake():
    with pytest.raises(HandlerFailed, match="other arguments now"):
        await answer(ECHO, b'{"unknown": 1}', None, "order x")


# -------------------------------------------------------------------------------------------------------- paid first


async def performed(clock, sold, made):
    """The order after one run, the seconds until the next one, and the paddock."""
    paddock = bare_paddock(clock, None, sold)
    await put(paddock, made)
    return await stored(paddock, made), await perform(paddock, made.id), paddock


async def test_f20_a_handler_runs_once_and_its_answer_is_released(clock):
    made = order()
    _, again, paddock = await performed(clock, service(Answer(b"done")), made)
    found = await stored(paddock, made)
    assert (again, found.fulfilment, found.money_back, found.leased(clock.now())) == (None, F.RELEASED, M.NONE, False)
    async with paddock.db.read() as view:
        assert (await view.deliveries.get(made.id)).body == b"done"
    assert await perform(paddock, made.id) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"payment": P.IN_DOUBT},
        {"payment": P.AUTHORIZED},
        *({"fulfilment": one} for one in (F.READY, F.FAILED, F.EXECUTING)),
    ],
)
async def test_f20_nothing_runs_that_is_not_paid_or_has_run(clock, changes):
    made = order(**changes)
    _, again, paddock = await performed(clock, service(ValueError("it ran")), made)
    found = await stored(paddock, made)
    assert (again, found.fulfilment, found.money_back) == (None, made.fulfilment, M.NONE)


async def test_f20_a_run_that_was_interrupted_is_given_up_at_exactly_the_end_of_its_lease(clock):
    made = order(fulfilment=F.RUNNING, lease_until=clock.now() + timedelta(seconds=1))
    _, again, paddock = await performed(clock, service(Answer(b"done")), made)
    assert (again, (await stored(paddock, made)).fulfilment) == (1.0, F.RUNNING)
    clock.advance(1)
    assert await perform(paddock, made.id) is None
    found = await stored(paddock, made)
    assert (found.fulfilment, found.money_back, found.failure) == (F.FAILED, M.DUE, "the handler was interrupted")
    assert await jobs(paddock) == [("refund", made.id)]


async def test_f20_who_was_not_ready_runs_again_later_each_time_and_then_the_money_goes_back(clock):
    made = order()
    paddock = bare_paddock(clock, None, service(TryAgain("busy")))
    await put(paddock, made)
    waits = []
    for _ in range(MOST_RUNS - 1):
        waits.append(await perform(paddock, made.id))
        found = await stored(paddock, made)
        assert (found.fulfilment, found.leased(clock.now())) == (F.NONE, False)
    assert waits == [2.0**run for run in range(1, MOST_RUNS)]
    assert await jobs(paddock) == []
    assert await perform(paddock, made.id) is None
    found = await stored(paddock, made)
    assert (found.fulfilment, found.money_back) == (F.FAILED, M.DUE)
    assert (found.failure, found.leased(clock.now())) == (f"echo: busy, {MOST_RUNS} times", False)
    assert await jobs(paddock) == [("refund", made.id)]


async def test_f20_a_handler_that_failed_for_good_gives_the_money_back_at_once(clock):
    made = order()
    _, again, paddock = await performed(clock, service(ServiceError("no such thing", 404)), made)
    found = await stored(paddock, made)
    assert (again, found.fulfilment, found.money_back, found.failure) == (None, F.FAILED, M.DUE, "no such thing")


# ----------------------------------------------------------------------------------------------------- given how long


async def kept(clock, *sold):
    """A paddock with a delivered order."""
    paddock = bare_paddock(clock, None, *sold)
    made = order()
    await put(paddock, made)
    await perform(paddock, made.id)
    return paddock, await stored(paddock, made)


async def given(paddock, made):
    async with paddock.db.read() as view:
        return await released(paddock, view, made, replayed=True)


async def test_an_answer_is_given_again_through_the_last_moment_that_answers_are_kept(clock):
    paddock, made = await kept(clock)
    clock.advance(paddock.limits.keep_answers.total_seconds())
    found = await given(paddock, made)
    assert (found.delivery.body, found.replayed, found.settlement.success) == (b'"answer"', True, True)
    clock.advance(0.000001)
    with pytest.raises(AlreadyDelivered) as caught:
        await given(paddock, made)
    assert made.id in str(caught.value.members["receipt"])
    async with paddock.db.begin("case") as work:
        case = await work.cases.open(Opening(CaseKind.RAISED, made.id, "why", made.id, "paddock"))
        case.resolve(Outcome.REDELIVERY, "again", "operator", clock.now())
        await work.cases.save(case)
    assert (await given(paddock, made)).delivery == found.delivery


async def test_what_is_for_ever_is_given_for_ever(clock):
    paddock, made = await kept(clock, dataclasses.replace(ECHO, for_ever=True))
    assert paddock.kept_since("echo") == BEGINNING
    clock.advance(days=10_000)
    assert (await given(paddock, made)).delivery.body == b'"answer"'
    assert paddock.kept_since("unknown") == clock.now() - paddock.limits.keep_answers


async def test_what_was_not_released_cannot_be_given(clock):
    paddock = bare_paddock(clock)
    made = await put(paddock, order())
    with pytest.raises(UnknownOrder):
        await given(paddock, made)
    async with paddock.db.begin("an answer without a receipt") as work:
        await work.deliveries.put(Delivery(made.id, b"x", "text/plain", clock.now()))
    with pytest.raises(UnknownOrder):
        await given(paddock, made)


@pytest.mark.parametrize(("age", "word"), [(59, "quoted"), (60, "expired")])
async def test_a_quote_that_nobody_paid_has_expired_at_exactly_its_end(clock, age, word):
    paddock = bare_paddock(clock)
    quote = paddock.quotes.issue(int(clock.now().timestamp()), 60)
    clock.advance(age)
    found = await status(paddock, quote.id)
    assert (found["status"], found["id"], found["payment"]) == (word, quote.id, None)
    with pytest.raises(UnknownOrder):
        await status(paddock, quote.id[:-1] + ("a" if quote.id[-1] != "a" else "b"))
