"""The three columns of an order and the moves that each allows."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from server.domain.errors import IllegalTransition


class PaymentState(StrEnum):
    CREATED = "created"
    AUTHORIZED = "authorized"
    SETTLING = "settling"
    IN_DOUBT = "in_doubt"
    SETTLED = "settled"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class FulfilmentState(StrEnum):
    NONE = "none"
    RUNNING = "running"
    READY = "ready"
    EXECUTING = "executing"
    RELEASED = "released"
    FAILED = "failed"


class MoneyBackState(StrEnum):
    NONE = "none"
    DUE = "due"
    SENDING = "sending"
    IN_DOUBT = "in_doubt"
    REFUNDED = "refunded"
    BLOCKED = "blocked"


P, F, M = PaymentState, FulfilmentState, MoneyBackState

PAYMENT_MOVES: Mapping[PaymentState, frozenset[PaymentState]] = {
    P.CREATED: frozenset({P.AUTHORIZED, P.SETTLED, P.EXPIRED, P.CANCELLED}),
    P.AUTHORIZED: frozenset({P.SETTLING, P.FAILED, P.EXPIRED, P.CANCELLED}),
    P.SETTLING: frozenset({P.SETTLED, P.IN_DOUBT, P.FAILED}),
    P.IN_DOUBT: frozenset({P.SETTLED, P.FAILED}),
    # A reorganisation took the Transfer away; an order that waits for plain transfers waits again.
    P.SETTLED: frozenset({P.IN_DOUBT, P.CREATED}),
    # Late money: the authorization was used although the order had ended.
    P.FAILED: frozenset({P.SETTLED}),
    P.EXPIRED: frozenset({P.SETTLED}),
    P.CANCELLED: frozenset({P.SETTLED}),
}
FULFILMENT_MOVES: Mapping[FulfilmentState, frozenset[FulfilmentState]] = {
    F.NONE: frozenset({F.RUNNING, F.EXECUTING, F.FAILED}),
    # Back to none: a handler that is paid first said that nothing has happened, and is to run again.
    F.RUNNING: frozenset({F.READY, F.FAILED, F.RUNNING, F.NONE}),
    F.READY: frozenset({F.RELEASED, F.FAILED}),
    F.EXECUTING: frozenset({F.RELEASED, F.FAILED}),
    # A reorganisation took the callback's transaction away.
    F.RELEASED: frozenset({F.EXECUTING}),
    # Again while nothing was settled (a transient failure); late money for an answer that is stored; or because the
    # chain ran the callback after all.
    F.FAILED: frozenset({F.RUNNING, F.READY, F.RELEASED}),
}
MONEY_BACK_MOVES: Mapping[MoneyBackState, frozenset[MoneyBackState]] = {
    M.NONE: frozenset({M.DUE}),
    M.DUE: frozenset({M.SENDING, M.BLOCKED, M.NONE}),
    M.SENDING: frozenset({M.REFUNDED, M.IN_DOUBT, M.BLOCKED, M.NONE}),
    M.IN_DOUBT: frozenset({M.REFUNDED, M.BLOCKED, M.NONE}),
    # A reorganisation took the refund's transaction away; or more came by plain transfers after the refund.
    M.REFUNDED: frozenset({M.SENDING, M.DUE}),
    M.BLOCKED: frozenset({M.DUE}),
}

State = TypeVar("State", PaymentState, FulfilmentState, MoneyBackState)


def checked(moves: Mapping[State, frozenset[State]], old: State, new: State) -> State:
    """The new state, if the table allows the move; raises IllegalTransition."""
    if new not in moves[old]:
        raise IllegalTransition(f"{type(old).__name__} cannot move from {old} to {new}")
    return new
