"""What is kept of orders: timelines, answers, ledger, receipts, proofs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from protocol.receipts import SignedReceipt
from server.domain.deliveries import Delivery
from server.domain.ledger import Entry
from server.domain.order_status import EVERY_ORDER, OrderFilter
from server.domain.orders import Order
from server.domain.states import MoneyBackState, PaymentState


@dataclass(frozen=True, slots=True)
class Event:
    """One line of an order's timeline; `sequence` grows over all orders."""

    sequence: int
    order_id: str
    at: datetime
    what: str
    old: str
    new: str
    note: str


class Orders(Protocol):
    """Orders and their timelines."""

    async def add(self, order: Order) -> None:
        """Claim atomically: raises DuplicateClaim if the quote or (network, authority, payer, nonce) is claimed."""

    async def get(self, order_id: str) -> Order | None:
        """The order, or None."""

    async def claimed_by(self, network: str, authority: str, payer: str, nonce: bytes) -> Order | None:
        """The order that a payment belongs to, or None; `authority` is the token or Permit2."""

    async def in_flight(self, payer: str, now: datetime) -> int:
        """How many orders of a payer are being worked on or paid for, this unit of work's own among them.

        Those that a merchant's back end made are not the payer's doing, and do not count. Of the same payer nobody
        else counts until this unit of work ends: two claims at once cannot both be the last.
        """

    async def save(self, order: Order) -> None:
        """Write if nobody wrote since it was read, else StaleWrite; appends the changes to the timeline."""

    async def unfinished(self, lapsed_at: datetime, limit: int) -> Sequence[str]:
        """Ids of orders that still have something to come and whose lease is over."""

    async def waiting(self) -> Mapping[PaymentState, tuple[int, datetime]]:
        """Orders that are paid for or waited for, by payment state: how many, and since when the longest one is in it.

        Those in doubt are among them also when they were delivered: a reorganisation took their payment.
        """

    async def owed(self) -> Mapping[MoneyBackState, int]:
        """How many orders have money that is to go back and has not gone, by state."""

    async def found_by(self, text: str) -> str | None:
        """The id of the order that has this id, or a chain transaction with this hash; None if there is none."""

    async def recent(self, limit: int, wanted: OrderFilter = EVERY_ORDER) -> Sequence[Order]:
        """The newest orders that are wanted, newest first; what is older than an unknown order is none."""

    async def timeline(self, order_id: str) -> Sequence[Event]:
        """An order's events, oldest first."""

    async def events_after(self, sequence: int, limit: int) -> Sequence[Event]:
        """Events of all orders with a higher sequence number, oldest first."""

    async def last_event(self) -> int:
        """The highest sequence number; 0 when there is none."""


class Deliveries(Protocol):
    """Stored answers."""

    async def put(self, delivery: Delivery) -> None:
        """Store, replacing an answer that was never released."""

    async def get(self, order_id: str) -> Delivery | None:
        """The answer, or None."""


class Ledger(Protocol):
    """Double entry. Rows are added, never changed."""

    async def add(self, entry: Entry) -> None:
        """Add; a second row of the same order, kind and round, or of the same log and kind, raises DuplicateClaim.

        EntryRefused: no amount, one account, a reversal of no row, or more back to payers (`payer:…`) than came from
        them for the order in that asset; also when two units of work refund at once. One refund is taken even when its
        payment was taken back meanwhile: it was under way, and it happened.
        """

    async def of(self, order_id: str) -> Sequence[Entry]:
        """The order's rows, oldest first."""

    async def booked(self, network: str, block_hash: str, log_index: int) -> bool:
        """Whether a row stands for that Transfer log."""

    async def touching(
        self, network: str, asset: str, account: str, first: int = 0, last: int | None = None
    ) -> list[Entry]:
        """All rows that moved money to or from an account in those blocks, both included; oldest first."""


class Receipts(Protocol):
    """Signed receipts, kept for ever."""

    async def put(self, order_id: str, receipt: SignedReceipt, standard: bytes) -> None:
        """Store our receipt and the x402 one (JSON) beside it, in place of one that a reorganisation made wrong.

        Raises StaleWrite when somebody else stores the first one at the same time.
        """

    async def get(self, order_id: str) -> tuple[SignedReceipt, bytes] | None:
        """Both receipts, or None."""


class Proofs(Protocol):
    """Proof records: everything known of an order after it ended."""

    async def put(self, order_id: str, record: bytes, stored_at: datetime) -> None:
        """Store the record (JSON) in place of an earlier one: a refund after delivery makes the order final anew."""

    async def get(self, order_id: str) -> bytes | None:
        """The record, or None while it is not complete."""
