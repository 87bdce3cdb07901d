"""What an order that plain transfers pay keeps, owes and gives back; and what each kind of order calls its refunds."""

from datetime import timedelta

import pytest

from protocol.wire import SCHEME_DELEGATE
from server.domain.errors import IllegalTransition
from server.domain.merchant_orders import INVOICED_AFTER, Status, status_of
from server.domain.orders import Shown
from server.domain.refunds import (
    AWAITS_MERCHANT,
    BLOCKED,
    awaits_merchant,
    gives_up_price,
    least_refund,
    most_refund,
    why_no_refund,
    with_block,
    without_block,
)
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.payments.delegate import DELEGATE
from tests.fakes import samples
from tests.fakes.samples import NOW

P, F, M = PaymentState, FulfilmentState, MoneyBackState
PRICE = 50_000
DELIVERED = {"payment": P.SETTLED, "fulfilment": F.RELEASED}
FAILED = {"payment": P.SETTLED, "fulfilment": F.FAILED}


def transfers(received=PRICE, **changes):
    return samples.order(**{"amount": PRICE, "received": received} | DELIVERED | changes)


@pytest.mark.parametrize(
    ("received", "returned", "fulfilment", "due"),
    [
        (0, 0, F.NONE, 0),
        (PRICE - 1, 0, F.NONE, 0),
        (PRICE, 0, F.RELEASED, 0),
        (PRICE + 1, 0, F.RELEASED, 1),
        (PRICE + 5, 2, F.RELEASED, 3),
        (PRICE + 5, 5, F.RELEASED, 0),
        (PRICE - 1, 0, F.FAILED, PRICE - 1),
        (PRICE + 1, 0, F.FAILED, PRICE + 1),
        (PRICE, PRICE, F.FAILED, 0),
    ],
)
def test_of_plain_transfers_all_is_due_back_that_is_not_kept(received, returned, fulfilment, due):
    assert transfers(received, returned=returned, fulfilment=fulfilment).due_back == due


def test_of_an_authorization_its_price_is_due_back():
    assert samples.order(amount=PRICE).due_back == PRICE
    assert samples.order(amount=PRICE, charged=7).due_back == 7


def test_only_a_metered_call_that_used_nothing_is_waived():
    assert samples.order(charged=0).waived
    assert not samples.order(charged=1).waived
    assert not samples.order().waived
    assert not transfers(charged=0).waived


def test_only_an_order_by_transfer_waits_for_money_again():
    order = transfers()
    order.pay(P.CREATED)
    assert order.payment is P.CREATED
    with pytest.raises(IllegalTransition, match="does not wait for a transfer"):
        samples.order(payment=P.SETTLED).pay(P.CREATED)


@pytest.mark.parametrize(
    "order",
    [transfers(PRICE, money_back=M.REFUNDED), samples.order(**DELIVERED, money_back=M.REFUNDED)],
    ids=["nothing came beside the price", "an authorization"],
)
def test_w9_what_went_back_whole_is_not_due_again(order):
    with pytest.raises(IllegalTransition, match="went back already"):
        order.give_back(M.DUE)
    assert order.money_back is M.REFUNDED


def test_what_came_after_a_refund_is_due_as_well():
    order = transfers(PRICE + 1, money_back=M.REFUNDED)
    order.give_back(M.DUE)
    assert order.money_back is M.DUE


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"received": None}, "order"),
        ({}, "order"),
        ({"refunds": 1}, "order.1"),
        ({"mode": DELEGATE}, "order"),
        ({"mode": DELEGATE, "released_at": NOW}, "order.1"),
        ({"mode": DELEGATE, "released_at": NOW, "refunds": 2}, "order.3"),
        ({"mode": DELEGATE, "released_at": NOW, "fulfilment": F.FAILED}, "order"),
        ({"mode": DELEGATE, "released_at": NOW, "received": None}, "order"),
        ({"released_at": NOW, "refunds": 2}, "order.2"),
    ],
)
def test_w9_each_refund_has_a_name_that_lets_it_happen_once(changes, name):
    order = samples.order("order", **{"amount": PRICE, "received": PRICE} | DELIVERED | changes)
    assert order.refund_name == name


def test_an_order_is_atomic_by_its_scheme_and_its_spend_says_so():
    assert not samples.order().atomic
    assert not samples.order().spend.executed
    order = samples.order(scheme=SCHEME_DELEGATE)
    assert order.atomic
    assert order.spend.executed


@pytest.mark.parametrize(
    ("columns", "owes"),
    [
        ((P.SETTLED, F.NONE, M.NONE), True),
        ((P.SETTLED, F.FAILED, M.BLOCKED), True),
        ((P.SETTLED, F.FAILED, M.REFUNDED), False),
        ((P.SETTLED, F.RELEASED, M.NONE), False),
        ((P.AUTHORIZED, F.NONE, M.NONE), False),
        ((P.FAILED, F.FAILED, M.NONE), False),
    ],
)
def test_an_order_owes_while_it_has_money_and_gave_nothing_for_it(columns, owes):
    payment, fulfilment, money_back = columns
    assert samples.order(payment=payment, fulfilment=fulfilment, money_back=money_back).owes is owes


@pytest.mark.parametrize("money_back", [M.DUE, M.SENDING, M.IN_DOUBT])
def test_a_delivered_order_has_not_ended_while_money_is_on_its_way_back(money_back):
    order = transfers(money_back=money_back)
    assert (order.shown, order.ended) == (Shown.COMPLETED, False)


@pytest.mark.parametrize("payment", [P.EXPIRED, P.CANCELLED, P.FAILED])
def test_what_became_of_the_payment_is_shown_before_what_was_delivered(payment):
    assert samples.order(payment=payment, fulfilment=F.RELEASED).shown == Shown(payment.value)


def test_an_authorization_counts_as_over_one_second_after_its_last():
    signed = samples.order().authorization
    last = int(signed.valid_before.timestamp())
    assert not signed.lapsed(last)
    assert signed.lapsed(last + 1)


# ----------------------------------------------------------------------------------------------------------- refunds


@pytest.mark.parametrize(
    ("order", "least", "most"),
    [
        (samples.order(amount=PRICE, **DELIVERED), 1, PRICE),
        (samples.order(amount=PRICE, **FAILED), PRICE, PRICE),
        (transfers(PRICE), PRICE, PRICE),
        (transfers(PRICE + 7, returned=7), PRICE, PRICE),
        (transfers(PRICE + 7, money_back=M.BLOCKED), 7, 7),
        (transfers(PRICE - 1, fulfilment=F.FAILED), PRICE - 1, PRICE - 1),
    ],
)
def test_what_is_delivered_may_be_refunded_in_part_and_all_else_whole(order, least, most):
    assert (least_refund(order), most_refund(order)) == (least, most)


def test_only_a_refund_of_a_delivered_order_by_transfer_gives_up_its_price():
    assert gives_up_price(transfers())
    assert not gives_up_price(transfers(money_back=M.BLOCKED))
    assert not gives_up_price(transfers(fulfilment=F.FAILED))
    assert not gives_up_price(samples.order(**DELIVERED))


def test_of_an_order_by_transfer_the_price_can_be_asked_back_after_the_rest_went_back():
    assert why_no_refund(transfers(PRICE + 1, returned=1, money_back=M.REFUNDED)) is None
    for order in (
        transfers(charged=0, money_back=M.REFUNDED),
        transfers(fulfilment=F.FAILED, money_back=M.REFUNDED),
        samples.order(**DELIVERED, money_back=M.REFUNDED),
    ):
        assert why_no_refund(order) == "its money went back already"


@pytest.mark.parametrize("words", [BLOCKED, AWAITS_MERCHANT])
@pytest.mark.parametrize("failure", [None, "the handler failed"])
def test_what_stands_in_the_way_of_a_refund_is_added_to_a_failure_and_taken_away(failure, words):
    blocked = with_block(failure, words)
    assert blocked == (f"{failure}; {words}" if failure else words)
    assert with_block(blocked, BLOCKED) == with_block(failure, BLOCKED), "never both"
    assert without_block(blocked) == failure


def test_a_refund_awaits_the_merchant_only_while_it_is_blocked_for_that():
    assert awaits_merchant(samples.order(**FAILED, money_back=M.BLOCKED, failure=f"x; {AWAITS_MERCHANT}"))
    assert not awaits_merchant(samples.order(**FAILED, money_back=M.BLOCKED, failure=f"x; {BLOCKED}"))
    assert not awaits_merchant(samples.order(**FAILED, money_back=M.BLOCKED))
    assert not awaits_merchant(samples.order(**FAILED, money_back=M.DUE, failure=AWAITS_MERCHANT))


# --------------------------------------------------------------------------------------------- what a merchant is told


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"payment": P.EXPIRED, "paid_at": NOW}, Status.EXPIRED),
        ({"payment": P.CANCELLED, "paid_at": NOW}, Status.CANCELLED),
        ({"payment": P.FAILED, "paid_at": NOW}, Status.FAILED),
        ({"payment": P.CREATED}, Status.CHECKOUT_VERIFIED),
        ({"payment": P.IN_DOUBT, "paid_at": NOW}, Status.CHECKOUT_VERIFIED),
        ({"paid_at": None}, Status.CHECKOUT_VERIFIED),
        ({"paid_at": NOW, "fulfilment": F.FAILED}, Status.FAILED),
        ({"paid_at": NOW}, Status.PAYMENT_CONFIRMED),
        ({"paid_at": NOW - INVOICED_AFTER + timedelta(microseconds=1)}, Status.PAYMENT_CONFIRMED),
        ({"paid_at": NOW - INVOICED_AFTER}, Status.INVOICED),
        ({"paid_at": NOW - INVOICED_AFTER, "fulfilment": F.RUNNING}, Status.PAYMENT_CONFIRMED),
    ],
)
def test_a_merchants_order_has_one_status_at_each_moment(changes, status):
    assert status_of(transfers(**changes), NOW) is status
