"""What is announced, how secrets are made, and when a message is tried again."""

from datetime import timedelta
from itertools import pairwise

import pytest

from server.domain.errors import ConfigurationError
from server.domain.orders import Change
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.domain.webhooks import (
    KEEP_TRYING,
    LONGEST_QUIET,
    LONGEST_WAIT,
    DeliveryState,
    Endpoint,
    Kind,
    WebhookDelivery,
    WebhookKeys,
    kinds_of,
    wait_after,
)
from tests.fakes import samples
from tests.fakes.samples import NOW

P, F, M = PaymentState, FulfilmentState, MoneyBackState
KEYS = WebhookKeys(1, {1: b"k" * 32, 2: b"l" * 32})


def kinds(order):
    found = [kind.value for kind in kinds_of(order, order.changes)]
    order.changes.clear()
    return found


def test_a_direct_purchase_announces_settlement_and_delivery_in_this_order():
    order = samples.order()
    order.fulfil(F.RUNNING)
    order.fulfil(F.READY)
    order.pay(P.SETTLING)
    assert kinds(order) == []
    order.pay(P.SETTLED)
    order.fulfil(F.RELEASED)
    assert kinds(order) == ["order.settled", "order.delivered"]
    order.learn("final", "block 9")
    assert kinds(order) == ["order.final"]


def test_a_failed_callback_announces_failure_and_every_step_of_the_money_back():
    order = samples.order(payment=P.SETTLED, fulfilment=F.EXECUTING)
    order.fulfil(F.FAILED)
    order.give_back(M.DUE)
    assert kinds(order) == ["order.failed", "order.refund_due"]
    order.give_back(M.SENDING)
    assert kinds(order) == []
    order.give_back(M.BLOCKED)
    assert kinds(order) == ["order.refund_blocked"]
    order.give_back(M.DUE)
    order.give_back(M.SENDING)
    order.give_back(M.REFUNDED)
    assert kinds(order) == ["order.refund_due", "order.refunded"]


def test_an_answer_that_was_never_paid_for_fails_once():
    order = samples.order(payment=P.SETTLING, fulfilment=F.READY)
    order.pay(P.FAILED)
    order.fulfil(F.FAILED)
    assert kinds(order) == ["order.failed"]


def test_a_handler_that_failed_while_the_payment_may_come_again_is_no_failure_of_the_order():
    order = samples.order(fulfilment=F.RUNNING)
    order.fulfil(F.FAILED)
    assert kinds(order) == []


def test_facts_that_look_like_states_announce_nothing():
    assert kinds_of(samples.order(), [Change("note", "", "settled"), Change("callback transaction", "", "0x1")]) == []


def endpoint(**changes):
    return Endpoint("we_1", "paddock", "https://hooks.example.com/", "", NOW, KEYS.new(), **changes)


def test_secrets_differ_by_endpoint_by_name_and_by_key_and_are_the_same_at_every_look():
    name = KEYS.new()
    assert name.startswith("1.")
    assert KEYS.new() != name
    secret = KEYS.secret("we_1", name)
    assert KEYS.secret("we_1", name) == secret
    others = {KEYS.secret("we_2", name), KEYS.secret("we_1", KEYS.new()), KEYS.secret("we_1", "2" + name[1:])}
    assert len({secret, *others}) == 4


def test_a_secret_whose_key_is_gone_names_the_variable():
    with pytest.raises(ConfigurationError, match="PADDOCK_WEBHOOK_KEYS lacks key 7"):
        KEYS.secret("we_1", "7.aa")


def test_no_key_shows_in_a_repr():
    assert "kkkk" not in repr(KEYS)


def test_w6_two_secrets_sign_during_a_rotation_and_one_after_it():
    one = endpoint()
    old = one.secret
    assert list(one.signing(NOW)) == [old]
    one.rotate("1.new", NOW, timedelta(hours=24))
    assert list(one.signing(NOW + timedelta(hours=23))) == ["1.new", old]
    assert list(one.signing(NOW + timedelta(hours=24))) == ["1.new"]


def test_w6_a_rotation_without_overlap_ends_the_old_secret_at_once():
    one = endpoint()
    one.rotate("1.new", NOW, timedelta(0))
    assert list(one.signing(NOW)) == ["1.new"]


def delivery():
    return WebhookDelivery("msg_1", "we_1", "evt_1", "order-1", 1, Kind.ORDER_SETTLED, since=NOW, due=NOW)


def test_a_failing_delivery_is_tried_again_for_three_days_and_then_dead():
    one, now, waits = delivery(), NOW, []
    while one.state is DeliveryState.WAITING:
        one.attempts += 1
        one.fail(now)
        waits.append((one.due - now).total_seconds())
        now = one.due
    last = now - timedelta(seconds=waits[-1])
    assert one.state is DeliveryState.DEAD
    assert KEEP_TRYING - timedelta(hours=8) < last - NOW < KEEP_TRYING
    assert 15 < one.attempts < 30
    assert all(later > sooner for sooner, later in pairwise(waits[:8])), "exponential at first"
    assert max(waits) <= LONGEST_WAIT * 1.2


def test_waits_are_spread_and_bounded_however_long_it_takes():
    waits = {wait_after(3, LONGEST_WAIT, f"msg_{number}") for number in range(200)}
    assert len(waits) == 200
    assert 36 <= min(waits) < 38
    assert 52 < max(waits) <= 54
    assert wait_after(10_000, LONGEST_QUIET, "we_1") <= LONGEST_QUIET * 1.2
    assert wait_after(1, LONGEST_WAIT, "x") == wait_after(1, LONGEST_WAIT, "x")


def test_a_delivery_that_is_opened_again_has_three_new_days():
    one, later = delivery(), NOW + timedelta(days=9)
    one.give_up("the endpoint is disabled")
    one.reopen(later)
    assert (one.state, one.attempts, one.due, one.since) == (DeliveryState.WAITING, 0, later, later)
    assert not one.overdue(later)
