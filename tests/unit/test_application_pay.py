"""A handler's place is held while it runs and no longer, and a request is told where its order stands."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from server.application import pay as paying
from server.application.admit import take_slot
from server.application.pay import pay
from server.domain.errors import PaymentConflict, PaymentInProgress
from server.domain.outages import RouteBusy, SettlementInDoubt
from server.domain.states import FulfilmentState, PaymentState
from server.services.service import Answer
from tests.fakes import samples
from tests.fakes.chain import DOLLAR
from tests.fakes.paddocks import ECHO, bare_paddock, put

P, F = PaymentState, FulfilmentState


def claimed(monkeypatch, order, owned):
    """A payment of this order comes, whose request owns it or not."""

    async def claim(_paddock, _service, _call, _presented, slot):
        take_slot(slot, order)
        return order, owned

    presented = SimpleNamespace(quote=SimpleNamespace(id=order.id))
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
    paddock = bare_paddock(clock)
    order = await put(paddock, samples.order(payment=payment))
    claimed(monkeypatch, order, False)
    with pytest.raises(error, match=words) as raised:
        await pay(paddock, ECHO, None)
    assert (type(raised.value), raised.value.members["order_id"]) == (error, order.id)
