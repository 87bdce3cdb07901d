"""A handler's place is held while it runs and no longer, and a request is told where its order stands."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import msgspec
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from scripts.accounts import account
from server.application import pay as paying
from server.application.admit import take_slot
from server.application.deliver import sign_again
from server.application.paddock import Limits
from server.application.pay import pay
from server.application.tracing import ORDER, Tracing, purchased
from server.domain.deliveries import Delivery
from server.domain.errors import CallbackFailed, PaymentConflict, PaymentInProgress, PaymentRefused
from server.domain.outages import RouteBusy, SettlementInDoubt
from server.domain.states import FulfilmentState, PaymentState
from server.payments.delegate import DELEGATE
from server.services.service import Answer
from tests.fakes import samples
from tests.fakes.chain import DOLLAR
from tests.fakes.paddocks import ECHO, bare_paddock, put, stored
from tests.fakes.samples import NOW
from tests.stack.choosing import mint_to

P, F = PaymentState, FulfilmentState


LIMITS = Limits(wait_for_other=2, wait_for_callback=3, poll=1)


def claimed(monkeypatch, order, owned, quote=""):
    """A payment of this order comes, whose request owns it or not."""

    async def claim(_paddock, _service, _call, _presented, slot):
        take_slot(slot, order)
        return order, owned

    presented = SimpleNamespace(quote=SimpleNamespace(id=quote or order.id))
    monkeypatch.setattr(paying, "present", lambda *_given: presented)
    monkeypatch.setattr(paying, "claim", claim)


async def test_a_place_is_held_while_the_handler_runs_and_free_before_the_settlement(clock, monkeypatch):
    held = []

    async def run(_arguments, _context):
        held.append(("handler", paddock.admission.running["echo"]))
        return Answer(b"yes", "text/plain")

    async def settle(_paddock, _order):
        held.append(("settlement", paddock.admission.running["echo"]))
        raise SettlementInDoubt("nobody knows")

    paddock = bare_paddock(clock)
    order = await put(paddock, samples.order(asset=DOLLAR.address, fulfilment=F.RUNNING))
    claimed(monkeypatch, order, True)
    monkeypatch.setattr(paying, "settle", settle)
    with pytest.raises(SettlementInDoubt):
        await pay(paddock, replace(ECHO, run=run), None)
    assert held == [("handler", 1), ("settlement", 0)]


@pytest.mark.parametrize(("fulfilment", "taken"), [(F.RUNNING, 1), (F.NONE, 0), (F.READY, 0)])
def test_only_a_handler_that_is_to_run_takes_a_place(clock, fulfilment, taken):
    admission = bare_paddock(clock).admission
    with admission.slot("echo") as slot:
        take_slot(slot, samples.order(fulfilment=fulfilment))
        assert admission.running["echo"] == taken
    assert admission.running["echo"] == 0


def test_a_route_with_all_its_handlers_at_work_takes_no_other(clock):
    admission = bare_paddock(clock).admission
    admission.runs_per_route = 1
    order = samples.order(fulfilment=F.RUNNING)
    with admission.slot("echo") as first, admission.slot("echo") as second:
        take_slot(first, order)
        with pytest.raises(RouteBusy):
            take_slot(second, order)


@pytest.mark.parametrize(
    ("payment", "error", "words"),
    [
        (P.EXPIRED, PaymentConflict, "the order is expired"),
        (P.CANCELLED, PaymentConflict, "the order is cancelled"),
        (P.IN_DOUBT, SettlementInDoubt, "outcome is not known yet"),
        (P.SETTLING, PaymentInProgress, "another request works on this payment"),
    ],
)
async def test_a_request_is_told_why_its_order_has_no_answer(clock, monkeypatch, payment, error, words):
    paddock, began = bare_paddock(clock), clock.now()
    order = await put(paddock, samples.order(payment=payment))
    claimed(monkeypatch, order, False)
    with pytest.raises(error, match=words) as raised:
        await pay(paddock, ECHO, None)
    assert (type(raised.value), raised.value.members["order_id"]) == (error, order.id)
    assert clock.now() == began, "nobody works on it, so nobody is waited for"


@pytest.mark.parametrize(("failure", "reason"), [("too poor", "too poor"), (None, "invalid_transaction_state")])
async def test_a_payment_that_did_not_settle_is_refused_for_the_reason_that_it_had(clock, monkeypatch, failure, reason):
    paddock = bare_paddock(clock)
    order = await put(paddock, samples.order(payment=P.FAILED, failure=failure))
    claimed(monkeypatch, order, False)
    with pytest.raises(PaymentRefused) as raised:
        await pay(paddock, ECHO, None)
    assert (raised.value.reason, raised.value.detail) == (reason, "this payment did not settle")


async def released(paddock):
    """An order whose answer left."""
    paid = {"payment": P.SETTLED, "settlement_tx": "0x" + "aa" * 32, "paid_at": NOW}
    order = await put(paddock, samples.order(fulfilment=F.RELEASED, released_at=NOW, **paid))
    async with paddock.db.begin("released") as work:
        await work.deliveries.put(Delivery(order.id, b"answer", "text/plain", NOW))
        await sign_again(paddock, work, order)
    return order


@pytest.mark.parametrize("owned", [True, False])
async def test_the_answer_leaves_with_its_settlement_and_says_whether_it_was_another_requests(
    clock, monkeypatch, owned
):
    async def settle(_paddock, order):
        return order

    paddock = bare_paddock(clock)
    order = await released(paddock)
    claimed(monkeypatch, order, owned)
    monkeypatch.setattr(paying, "settle", settle)
    sold = await pay(paddock, ECHO, None)
    assert (sold.order.id, sold.delivery.body, sold.replayed) == (order.id, b"answer", not owned)
    assert (sold.settlement.success, sold.settlement.transaction) == (True, order.settlement_tx)
    assert clock.now() == NOW


async def test_a_payment_that_moved_nothing_names_no_transaction():
    assert paying.settled_response(samples.order(charged=0)).transaction == ""


async def test_g1_of_an_order_that_was_taken_over_with_its_answer_the_handler_does_not_run_again(clock, monkeypatch):
    async def settle(_paddock, _order):
        raise SettlementInDoubt("nobody knows")

    async def run(_arguments, _context):
        raise AssertionError("it ran again")

    paddock = bare_paddock(clock)
    order = await put(paddock, samples.order(fulfilment=F.READY, payment=P.IN_DOUBT))
    claimed(monkeypatch, order, True)
    monkeypatch.setattr(paying, "settle", settle)
    with pytest.raises(SettlementInDoubt):
        await pay(paddock, replace(ECHO, run=run), None)
    assert (await stored(paddock, order)).fulfilment is F.READY


@pytest.mark.parametrize(
    ("changes", "leased", "waits", "end"),
    [
        ({"payment": P.SETTLED, "fulfilment": F.EXECUTING, "mode": DELEGATE}, False, 3, None),
        ({"payment": P.SETTLED, "fulfilment": F.NONE}, True, 3, None),
        ({"payment": P.SETTLING, "fulfilment": F.READY}, True, 2, PaymentInProgress),
        ({"payment": P.IN_DOUBT, "fulfilment": F.RUNNING}, True, 2, SettlementInDoubt),
        ({"payment": P.SETTLING, "fulfilment": F.READY}, False, 0, PaymentInProgress),
        ({"payment": P.SETTLED, "fulfilment": F.FAILED}, False, 0, CallbackFailed),
    ],
    ids=["a callback", "a handler", "another request", "in doubt", "nobody", "it failed"],
)
async def test_a_request_waits_for_whoever_works_on_its_order_and_so_long(
    clock, monkeypatch, changes, leased, waits, end
):
    paddock, began = bare_paddock(clock, limits=LIMITS), clock.now()
    until = began + timedelta(minutes=1) if leased else None
    order = await put(paddock, samples.order(asset=DOLLAR.address, lease_until=until, **changes))
    claimed(monkeypatch, order, False)
    if end:
        with pytest.raises(end):
            await pay(paddock, ECHO, None)
    else:
        assert (await pay(paddock, ECHO, None)).delivery is None
    assert (clock.now() - began).total_seconds() == waits


async def test_who_has_to_sign_its_calldata_first_is_not_kept_waiting(clock, monkeypatch):
    paddock, began = bare_paddock(clock, limits=LIMITS), clock.now()
    arguments = msgspec.json.encode({"calldata": mint_to(account("stranger").address)})
    bought = {"service": "access-pass", "mode": DELEGATE, "asset": DOLLAR.address, "arguments": arguments}
    order = await put(paddock, samples.order(payment=P.SETTLED, fulfilment=F.EXECUTING, **bought))
    claimed(monkeypatch, order, False)
    sold = await pay(paddock, ECHO, None)
    assert (sold.order.id, sold.delivery, clock.now()) == (order.id, None, began)


@pytest.mark.parametrize("known", [True, False])
async def test_a_purchases_trace_names_the_order_or_else_the_quote_that_was_to_become_one(clock, monkeypatch, known):
    async def refuse(*_given):
        raise PaymentConflict("used already")

    kept, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    paddock = bare_paddock(clock, tracing=Tracing(provider.get_tracer("test"), lambda: True))
    order = await released(paddock)
    claimed(monkeypatch, order, False, quote="the quote")
    if known:
        with purchased(paddock.tracing, "echo", []):
            await pay(paddock, ECHO, None)
    else:
        monkeypatch.setattr(paying, "claim", refuse)
        with pytest.raises(PaymentConflict), purchased(paddock.tracing, "echo", []):
            await pay(paddock, ECHO, None)
    [span] = [one for one in kept.get_finished_spans() if one.name == "purchase"]
    assert span.attributes[ORDER] == (order.id if known else "the quote")
