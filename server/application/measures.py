"""What a process counts and logs of orders as it works on them: their moves, and how long settlements take."""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prometheus_client import Counter, Histogram

from server.domain.errors import PaddockError, PaymentRefused
from server.domain.orders import Change
from server.domain.states import FULFILMENT_MOVES, MONEY_BACK_MOVES, PAYMENT_MOVES, PaymentState
from server.ports import Clock

log = logging.getLogger(__name__)

MOVES = Counter("paddock_order_moves_total", "Moves of orders that this process wrote", ["column", "old", "new"])
SETTLE = Histogram(
    "paddock_settle_seconds",
    "From asking the facilitator for a settlement to knowing from the chain what came of it",
    ["outcome"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 13, 20, 30, 60),
)
COLUMNS: Mapping[str, Mapping[Any, Iterable[Any]]] = {
    "payment": PAYMENT_MOVES,
    "fulfilment": FULFILMENT_MOVES,
    "money back": MONEY_BACK_MOVES,
}
"""The columns of an order as its timeline names them, and the moves that there are."""
CLAIMED = (PaymentState.AUTHORIZED, PaymentState.CREATED)
"""What an order begins as: a move from nothing."""
OUTCOMES = ("settled", "refused", "in_doubt")
_HASH = re.compile("0x[0-9a-f]{64}")

# A counter that begins with its first event hides that event from whoever asks for the increase.
for _column, _moves in COLUMNS.items():
    for _old, _reached in _moves.items():
        for _new in _reached:
            MOVES.labels(_column.replace(" ", "_"), _old.value, _new.value)
for _claimed in CLAIMED:
    MOVES.labels("payment", "", _claimed.value)
for _outcome in OUTCOMES:
    SETTLE.labels(_outcome)


def tell_moves(unit: str, order_id: str, changes: Iterable[Change]) -> str:
    """Count what a unit of work committed of an order, and log it in one line under the order's id; returns the moves.

    Of a change's note, which may be anybody's words, the line has a chain transaction's hash and nothing else.
    """
    words = []
    for change in changes:
        if change.what in COLUMNS:
            MOVES.labels(change.what.replace(" ", "_"), change.old, change.new).inc()
        moved = f"{change.old} -> {change.new}" if change.old else change.new
        words.append(f"{change.what} {moved} {change.note if _HASH.fullmatch(change.note) else ''}".rstrip())
    if words:
        log.info("order %s, %s: %s", order_id, unit, "; ".join(words))
    return "; ".join(words)


@contextmanager
def timed_settlement(clock: Clock) -> Iterator[None]:
    """Around one try to settle: PaymentRefused is a refusal, any other of our errors leaves the order in doubt."""
    started = clock.now()

    def ended(outcome: str) -> None:
        SETTLE.labels(outcome).observe((clock.now() - started).total_seconds())

    try:
        yield
    except PaymentRefused:
        ended("refused")
        raise
    except PaddockError:
        ended("in_doubt")
        raise
    ended("settled")
