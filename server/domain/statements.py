"""A merchant's statement: what buyers paid for its orders in a period, what went back to them, and what is owed."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from server.domain.errors import BadArguments


class Place(NamedTuple):
    """An asset on a network."""

    network: str
    asset: str


@dataclass(frozen=True, slots=True)
class Period:
    """From `start`, which belongs to it, to `end`, which does not; both aware, in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise BadArguments("a period ends after it begins")


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the ledger as a merchant sees it, `amount` in atomic units.

    `change` is what it does to the merchant's balance: what a payer paid counts up, what went back to one counts
    down, and what moved on (a payout to the order's contract) not at all. `state` is `standing`, `reversed` (a later
    row of the period or before took it back), or `reversal` (it takes one back).
    """

    sequence: int
    at: datetime
    order_id: str
    service: str
    kind: str
    state: str
    transaction: str
    place: Place
    amount: int
    change: int
