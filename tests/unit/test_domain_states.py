"""W5: the three columns move as their tables say, and no other way; a model of the life of an order agrees."""

import itertools

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.strategies import sampled_from

from server.domain.errors import IllegalTransition
from server.domain.orders import Shown
from server.domain.settlements import MOVES as SETTLEMENT_MOVES
from server.domain.settlements import SettlementState
from server.domain.states import (
    FULFILMENT_MOVES,
    MONEY_BACK_MOVES,
    PAYMENT_MOVES,
    FulfilmentState,
    MoneyBackState,
    PaymentState,
    checked,
)
from tests.fakes import samples

P, F, M, S = PaymentState, FulfilmentState, MoneyBackState, SettlementState

# Written down a second time, by hand from the design, so that a slip in the tables is noticed.
PAYMENT = {
    P.CREATED: "authorized settled expired cancelled",
    P.AUTHORIZED: "settling failed expired cancelled",
    P.SETTLING: "settled in_doubt failed",
    P.IN_DOUBT: "settled failed",
    P.SETTLED: "in_doubt created",
    P.FAILED: "settled",
    P.EXPIRED: "settled",
    P.CANCELLED: "settled",
}
FULFILMENT = {
    F.NONE: "running executing failed",
    F.RUNNING: "ready failed running none",
    F.READY: "released failed",
    F.EXECUTING: "released failed",
    F.RELEASED: "executing",
    F.FAILED: "running ready released",
}
MONEY_BACK = {
    M.NONE: "due",
    M.DUE: "sending blocked none",
    M.SENDING: "refunded in_doubt blocked none",
    M.IN_DOUBT: "refunded blocked none",
    M.REFUNDED: "sending due",
    M.BLOCKED: "due",
}
SETTLEMENT = {
    S.QUEUED: "sent settled failed",
    S.SENT: "settled failed queued",
    S.FAILED: "queued",
    S.SETTLED: "sent queued",
}
TABLES = (
    (PAYMENT_MOVES, PAYMENT),
    (FULFILMENT_MOVES, FULFILMENT),
    (MONEY_BACK_MOVES, MONEY_BACK),
    (SETTLEMENT_MOVES, SETTLEMENT),
)
EVERY_MOVE = [
    pytest.param(moves, old, new, new in expected[old].split(), id=f"{type(old).__name__}-{old}-{new}")
    for moves, expected in TABLES
    for old, new in itertools.product(expected, expected)
]


@pytest.mark.parametrize(("moves", "old", "new", "allowed"), EVERY_MOVE)
def test_w5_a_column_moves_where_its_table_says_and_nowhere_else(moves, old, new, allowed):
    if allowed:
        assert checked(moves, old, new) is new
    else:
        with pytest.raises(IllegalTransition, match=f"from {old} to {new}"):
            checked(moves, old, new)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: type(next(iter(table[1]))).__name__)
def test_every_state_has_its_row(table):
    moves, expected = table
    assert set(moves) == set(type(next(iter(expected)))) == set(expected)


@pytest.mark.parametrize("state", [P.FAILED, P.EXPIRED, P.CANCELLED])
def test_w5_what_ended_unpaid_moves_again_for_late_money_alone(state):
    assert PAYMENT_MOVES[state] == {P.SETTLED}


def test_f17_what_is_settled_moves_again_when_the_chain_takes_it_back_and_for_nothing_else():
    assert PAYMENT_MOVES[P.SETTLED] == {P.IN_DOUBT, P.CREATED}


def test_g1_a_payment_in_doubt_never_expires_and_is_never_cancelled():
    assert PAYMENT_MOVES[P.IN_DOUBT] == {P.SETTLED, P.FAILED}


@pytest.mark.parametrize(("old", "new"), itertools.product(S, S))
def test_w5_a_settlement_moves_as_its_table_says(old, new):
    settlement = samples.settlement(state=old, transaction="0x1", reason="why")
    if new in SETTLEMENT[old].split():
        settlement.move(new, "0x2", "because")
        assert (settlement.state, settlement.transaction, settlement.reason) == (new, "0x2", "because")
        assert settlement.ended == (new in (S.SETTLED, S.FAILED))
    else:
        with pytest.raises(IllegalTransition):
            settlement.move(new)
        assert (settlement.state, settlement.transaction, settlement.reason) == (old, "0x1", "why")


class OrderLife(RuleBasedStateMachine):
    """Random moves against an order and a model that knows where money can be; the two never disagree."""

    def __init__(self) -> None:
        super().__init__()
        self.order = samples.order("model")
        self.columns = {"payment": "authorized", "fulfilment": "none", "money back": "none"}
        self.arrived = False
        self.timeline = []

    def attempt(self, column, expected, move, state, allowed=True):
        old = self.columns[column]
        if allowed and state.value in expected[type(state)(old)].split():
            move(state, "note")
            self.timeline.append((column, old, state.value))
            self.columns[column] = state.value
        else:
            with pytest.raises(IllegalTransition):
                move(state)

    @rule(state=sampled_from(P))
    def pay(self, state):
        self.attempt("payment", PAYMENT, self.order.pay, state, state is not P.CREATED)
        self.arrived = self.arrived or self.columns["payment"] == "settled"

    @rule(state=sampled_from(F))
    def fulfil(self, state):
        again = (self.columns["fulfilment"], state) == ("failed", F.RUNNING)
        self.attempt("fulfilment", FULFILMENT, self.order.fulfil, state, not again or self._unmoved())

    @rule(state=sampled_from(M))
    def give_back(self, state):
        settled = self.columns["payment"] == "settled"
        again = (self.columns["money back"], state) == ("refunded", M.DUE)
        self.attempt(
            "money back", MONEY_BACK, self.order.give_back, state, state is not M.DUE or (settled and not again)
        )

    @precondition(lambda self: self.columns["payment"] == "authorized")
    @rule()
    def cancel(self):
        if self.columns["fulfilment"] in ("none", "failed"):
            self.order.cancel(samples.NOW, "changed my mind")
            self.timeline.append(("payment", "authorized", "cancelled"))
            self.columns["payment"] = "cancelled"
        else:
            with pytest.raises(IllegalTransition):
                self.order.cancel(samples.NOW, "too late")

    def _unmoved(self):
        return self.columns["payment"] == "authorized"

    @invariant()
    def the_columns_agree(self):
        found = {
            "payment": self.order.payment,
            "fulfilment": self.order.fulfilment,
            "money back": self.order.money_back,
        }
        assert found == self.columns

    @invariant()
    def the_timeline_tells_every_move(self):
        assert [(change.what, change.old, change.new) for change in self.order.changes] == self.timeline

    @invariant()
    def money_is_given_back_only_if_it_came(self):
        assert self.arrived or self.columns["money back"] == "none"

    @invariant()
    def what_is_shown_follows_from_the_columns(self):
        payment, fulfilment = self.columns["payment"], self.columns["fulfilment"]
        expected = Shown.COMPLETED if fulfilment == "released" else Shown.PENDING
        if payment in ("failed", "expired", "cancelled"):
            expected = Shown(payment)
        elif payment == "settled" and fulfilment == "failed":
            expected = Shown.FAILED
        assert self.order.shown is expected
        moving = self.columns["money back"] in ("due", "sending", "in_doubt")
        assert self.order.ended == (expected is not Shown.PENDING and not moving)


OrderLife.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
test_w5_a_model_of_an_orders_life_agrees_with_the_order = OrderLife.TestCase
