"""What an order's own methods guard: leases, cancelling, running again, and money back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from server.domain.errors import IllegalTransition
from server.domain.orders import Change, Shown
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from tests.fakes import samples
from tests.fakes.samples import NOW

P, F, M = PaymentState, FulfilmentState, MoneyBackState
LATER = NOW + timedelta(seconds=45)


def test_a_lease_holds_until_its_end_and_counts_its_owners():
    order = samples.order()
    assert not order.leased(NOW)
    order.lease(LATER)
    assert order.leased(NOW)
    assert order.leased(LATER - timedelta(microseconds=1))
    assert not order.leased(LATER)
    assert order.fence == 2
    order.lease(LATER + timedelta(seconds=1))
    assert order.fence == 3
    order.drop_lease()
    assert not order.leased(NOW)
    assert order.fence == 3


@pytest.mark.parametrize("fulfilment", [F.NONE, F.FAILED])
def test_w5_an_order_on_which_nothing_happened_can_be_cancelled(fulfilment):
    order = samples.order(fulfilment=fulfilment)
    order.cancel(NOW, "changed my mind")
    assert order.shown is Shown.CANCELLED
    assert order.changes == [Change("payment", "authorized", "cancelled", "changed my mind")]


@pytest.mark.parametrize("fulfilment", [F.RUNNING, F.READY, F.EXECUTING, F.RELEASED])
def test_w5_an_order_that_is_worked_on_cannot_be_cancelled(fulfilment):
    order = samples.order(fulfilment=fulfilment)
    with pytest.raises(IllegalTransition):
        order.cancel(NOW, "too late")
    assert order.payment is P.AUTHORIZED


@pytest.mark.parametrize("payment", [P.SETTLING, P.IN_DOUBT, P.SETTLED, P.FAILED, P.EXPIRED, P.CANCELLED])
def test_w5_a_payment_that_went_on_or_ended_cannot_be_cancelled(payment):
    order = samples.order(payment=payment)
    with pytest.raises(IllegalTransition):
        order.cancel(NOW, "too late")
    assert order.payment is payment
    assert order.changes == []


def test_w5_an_owned_order_cannot_be_cancelled_until_its_lease_is_over():
    order = samples.order(lease_until=LATER)
    with pytest.raises(IllegalTransition):
        order.cancel(NOW, "too early")
    order.cancel(LATER, "now")


@pytest.mark.parametrize("payment", [state for state in P if state is not P.AUTHORIZED])
def test_g6_a_failed_handler_runs_again_only_while_no_money_can_have_moved(payment):
    order = samples.order(payment=payment, fulfilment=F.FAILED)
    with pytest.raises(IllegalTransition):
        order.fulfil(F.RUNNING)
    assert order.fulfilment is F.FAILED


def test_f20_a_handler_that_failed_before_any_settlement_may_run_again():
    order = samples.order(fulfilment=F.FAILED)
    order.fulfil(F.RUNNING)
    assert order.fulfilment is F.RUNNING


@pytest.mark.parametrize("payment", [state for state in P if state is not P.SETTLED])
def test_w9_money_that_did_not_arrive_is_never_due_back(payment):
    order = samples.order(payment=payment)
    with pytest.raises(IllegalTransition):
        order.give_back(M.DUE)
    assert order.money_back is M.NONE


def test_w9_a_refund_in_doubt_cannot_be_sent_again():
    order = samples.order(payment=P.SETTLED, money_back=M.IN_DOUBT)
    for state in (M.DUE, M.SENDING):
        with pytest.raises(IllegalTransition):
            order.give_back(state)


def test_f23_a_blocked_refund_can_become_due_again():
    order = samples.order(payment=P.SETTLED, money_back=M.BLOCKED)
    order.give_back(M.DUE)
    assert order.money_back is M.DUE


def test_a_refused_move_leaves_no_line_on_the_timeline():
    order = samples.order()
    with pytest.raises(IllegalTransition):
        order.pay(P.SETTLED)
    assert order.changes == []
    order.learn("callback transaction", "0x1", "why")
    assert order.changes == [Change("callback transaction", "", "0x1", "why")]


@pytest.mark.parametrize(
    ("columns", "shown", "ended"),
    [
        ((P.CREATED, F.NONE, M.NONE), Shown.PENDING, False),
        ((P.AUTHORIZED, F.RUNNING, M.NONE), Shown.PENDING, False),
        ((P.AUTHORIZED, F.FAILED, M.NONE), Shown.PENDING, False),
        ((P.SETTLING, F.READY, M.NONE), Shown.PENDING, False),
        ((P.IN_DOUBT, F.READY, M.NONE), Shown.PENDING, False),
        ((P.SETTLED, F.EXECUTING, M.NONE), Shown.PENDING, False),
        ((P.SETTLED, F.RELEASED, M.NONE), Shown.COMPLETED, True),
        ((P.SETTLED, F.FAILED, M.DUE), Shown.FAILED, False),
        ((P.SETTLED, F.FAILED, M.SENDING), Shown.FAILED, False),
        ((P.SETTLED, F.FAILED, M.IN_DOUBT), Shown.FAILED, False),
        ((P.SETTLED, F.FAILED, M.REFUNDED), Shown.FAILED, True),
        ((P.SETTLED, F.FAILED, M.BLOCKED), Shown.FAILED, True),
        ((P.FAILED, F.FAILED, M.NONE), Shown.FAILED, True),
        ((P.EXPIRED, F.NONE, M.NONE), Shown.EXPIRED, True),
        ((P.CANCELLED, F.FAILED, M.NONE), Shown.CANCELLED, True),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else str(value),
)
def test_a_buyer_sees_one_word_for_the_three_columns(columns, shown, ended):
    payment, fulfilment, money_back = columns
    order = samples.order(payment=payment, fulfilment=fulfilment, money_back=money_back)
    assert (order.shown, order.ended) == (shown, ended)


def test_g8_a_signed_payment_is_never_shown():
    order = samples.order(payload=b"signed payment")
    assert "signed payment" not in repr(order)
    assert "signed payment" not in str(order.authorization)
    assert "raw transaction" not in repr(
        samples.chain_transaction(attempts=(replace(samples.attempt(), raw=b"raw transaction"),))
    )


def test_g8_a_settlement_does_not_show_its_signature():
    settlement = samples.settlement()
    assert repr(settlement.payment.signature) not in repr(settlement)
