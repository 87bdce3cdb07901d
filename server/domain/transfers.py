"""Orders that are paid by plain transfers: which order a Transfer is for, and how far the chain was read for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from server.domain.evidence import TransferLog
from server.domain.orders import Order

SCHEME = "transfer"
"""Stands in an order in the place of an x402 scheme."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A network was read from block `first` to `block`, both included; at `looked_at` nothing newer was deep enough.

    `block_hash` tells whether what was read still is the chain.
    """

    network: str
    first: int
    block: int
    block_hash: str
    looked_at: datetime
    version: int = 0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A Transfer to a merchant. `at` is its block's time; `plain` that it is nobody's x402 payment; `whole` that the
    recipient's balance changed by what its Transfers say.
    """

    transfer: TransferLog
    at: datetime
    plain: bool
    whole: bool

    def in_time_for(self, order: Order) -> bool:
        """Whether it came after the order was made and before it ended, by the chain's word."""
        return self.transfer.block > order.since_block and self.at <= order.terms.expires_at


def subject_of(network: str, transfer: TransferLog) -> str:
    """What the case about a Transfer is about that no order explains."""
    return f"{network}:{transfer.transaction}:{transfer.log_index}:in"


def is_arrival(subject: str) -> bool:
    """Whether a case is about money that came to a merchant, and not about the books."""
    return subject.endswith(":in")


def paid_by(waiting: Sequence[Order], amount: int) -> Order | None:
    """The order that an amount is for, of those that wait (oldest first): the first that it completes exactly, else
    the oldest."""
    exact = (order for order in waiting if order.received is not None and order.price - order.received == amount)
    return next(exact, waiting[0] if waiting else None)
