"""What the core needs from outside: one protocol for each thing that has a real and a fake implementation."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from protocol.receipts import SignedReceipt
from protocol.wire import PaymentPayload, PaymentRequirements, SettleResponse, VerifyResponse
from server.domain.deliveries import Delivery
from server.domain.evidence import Mined, TransferLog
from server.domain.ledger import Entry
from server.domain.orders import Order
from server.domain.sending import ChainTransaction, SignedTransaction, TransactionState
from server.domain.settlements import Settlement


class Clock(Protocol):
    """Time as the core sees it."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Give way for that long."""


# ---------------------------------------------------------------------------------------------------- chain


@dataclass(frozen=True, slots=True)
class Call:
    """A contract call: addresses are checksummed, `data` is ABI-encoded."""

    sender: str
    to: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Fees:
    """EIP-1559 fees in wei."""

    max_fee: int
    priority: int


class ChainReader(Protocol):
    """Reads of one EVM chain. Every method may raise ChainUnavailable, and may then be called again."""

    async def block_number(self) -> int:
        """The newest block's number."""

    async def balance(self, address: str) -> int:
        """Native balance in wei."""

    async def token_balance(self, asset: str, address: str) -> int:
        """ERC-20 balance in atomic units."""

    async def transaction_count(self, address: str) -> int:
        """How many transactions the account has had mined."""

    async def code(self, address: str) -> bytes:
        """Runtime bytecode; empty for an account without code."""

    async def transfers(self, asset: str, address: str, from_block: int = 0) -> list[TransferLog]:
        """All transfers of `asset` to or from `address`, oldest first."""


class Chain(ChainReader, Protocol):
    """One EVM chain as the payment core uses it."""

    async def recent_block(self) -> int:
        """A block number at most a second old: a lower bound for later searches, mostly without a request."""

    async def final_block(self) -> int:
        """The newest block that, by configuration, is not expected to be reorganised."""

    async def block_time(self, number: int) -> int:
        """Unix seconds of a block."""

    async def authorization_used(self, asset: str, payer: str, nonce: bytes, block: int | None = None) -> bool:
        """Whether the token has consumed (or cancelled) this EIP-3009 nonce, in the newest block or in that one."""

    async def authorization_transfer(self, asset: str, payer: str, nonce: bytes, from_block: int) -> TransferLog | None:
        """The Transfer that consumed this EIP-3009 nonce, whoever submitted it; None if none is found."""

    async def mined(self, transaction: str) -> Mined | None:
        """The outcome of a chain transaction; None while it is pending or unknown."""

    async def call(self, call: Call) -> bytes:
        """Run without a transaction. Raises Reverted."""

    async def estimate_gas(self, call: Call) -> int:
        """Gas units that the call would use now. Raises Reverted."""

    async def fees(self) -> Fees:
        """What to offer for prompt inclusion."""

    async def next_nonce(self, address: str) -> int:
        """The account's next nonce, pending transactions included."""

    async def send(self, raw: bytes) -> None:
        """Broadcast signed bytes. Idempotent: bytes that are known or mined already are no error."""


class TransactionSigner(Protocol):
    """A key that sends transactions and signs digests; it never leaves the process that holds it."""

    @property
    def address(self) -> str:
        """The key's checksummed address."""

    def sign(self, chain_id: int, nonce: int, call: Call, gas: int, fees: Fees) -> SignedTransaction:
        """An EIP-1559 transaction, ready to broadcast."""

    def sign_digest(self, digest: bytes) -> bytes:
        """65 bytes r‖s‖v over a 32-byte digest."""


# ---------------------------------------------------------------------------------------------- facilitator


class Facilitator(Protocol):
    """Verifies and settles payments. Raises FacilitatorUnavailable when it cannot answer."""

    async def verify(self, payload: PaymentPayload, requirements: PaymentRequirements) -> VerifyResponse:
        """Whether the payment would settle now. Changes nothing."""

    async def settle(self, payload: PaymentPayload, requirements: PaymentRequirements) -> SettleResponse:
        """Move the money, at most once for a payment however often it is called.

        `errorReason` settlement_pending means that the outcome is not known yet; the same call may be repeated.
        """


# ------------------------------------------------------------------------------------------------- database


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
        """Claim atomically: raises DuplicateClaim if the quote or (network, asset, payer, nonce) is claimed."""

    async def get(self, order_id: str) -> Order | None:
        """The order, or None."""

    async def claimed_by(self, network: str, asset: str, payer: str, nonce: bytes) -> Order | None:
        """The order that a payment belongs to, or None."""

    async def save(self, order: Order) -> None:
        """Write if nobody wrote since it was read, else StaleWrite; appends the changes to the timeline."""

    async def unfinished(self, lapsed_at: datetime, limit: int) -> Sequence[str]:
        """Ids of orders that still have something to come and whose lease is over."""

    async def recent(self, limit: int) -> Sequence[Order]:
        """The newest orders, newest first."""

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
        """Add; a second row of the same order and kind raises DuplicateClaim."""

    async def of(self, order_id: str) -> Sequence[Entry]:
        """The order's rows, oldest first."""

    async def touching(self, network: str, asset: str, account: str) -> list[Entry]:
        """All rows that moved money to or from an account, oldest first."""


class Receipts(Protocol):
    """Signed receipts, kept for ever."""

    async def put(self, order_id: str, receipt: SignedReceipt, standard: bytes) -> None:
        """Store our receipt and the x402 one (JSON) beside it."""

    async def get(self, order_id: str) -> tuple[SignedReceipt, bytes] | None:
        """Both receipts, or None."""


class Proofs(Protocol):
    """Proof records: everything known of an order after it ended, stored once."""

    async def put(self, order_id: str, record: bytes, stored_at: datetime) -> None:
        """Store the record (JSON); a second one changes nothing."""

    async def get(self, order_id: str) -> bytes | None:
        """The record, or None while it is not complete."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work to do on a subject. `generation` tells a later request for the same work from this one."""

    id: str
    topic: str
    subject: str
    generation: int
    attempts: int


class Outbox(Protocol):
    """Jobs, written in the transaction that makes them necessary."""

    async def add(self, topic: str, subject: str, due: datetime) -> None:
        """Ask for work; asking again while it is open makes one job of it."""

    async def due(self, now: datetime) -> bool:
        """Whether there is anything to take; a cheap look."""

    async def take(self, now: datetime, until: datetime, limit: int) -> Sequence[Job]:
        """Lease due jobs until then; leased ones come back when their time is over."""

    async def finish(self, job: Job) -> None:
        """Done, unless it was asked for again since it was taken."""

    async def put_off(self, job: Job, due: datetime, error: str | None) -> None:
        """Not done yet: hand out again then. `error` is kept for the operator."""

    async def waiting(self) -> int:
        """How many jobs are open."""


class Settlements(Protocol):
    """The facilitator's own record: one row for each payment it was asked to settle."""

    async def add(self, settlement: Settlement) -> None:
        """Raises DuplicateClaim if this payment is known."""

    async def get(self, settlement_id: str) -> Settlement | None:
        """The settlement, or None."""

    async def save(self, settlement: Settlement) -> None:
        """Write if nobody wrote since it was read, else StaleWrite."""

    async def sent_in(self, transaction: str) -> Sequence[Settlement]:
        """All settlements that a chain transaction carries."""

    async def abandoned(self, lapsed_at: datetime, limit: int) -> Sequence[Settlement]:
        """Queued ones whose lease is over."""


class Transactions(Protocol):
    """Chain transactions that we signed: stored before they are broadcast."""

    async def allot(self, network: str, sender: str, at_least: int) -> int:
        """The next nonce of a sending key, locked until this unit of work ends."""

    async def add(self, transaction: ChainTransaction) -> None:
        """Store signed bytes; a second one at the same nonce raises DuplicateClaim."""

    async def get(self, transaction: str) -> ChainTransaction | None:
        """By hash, or None."""

    async def of(self, purpose: str, subject: str) -> ChainTransaction | None:
        """The newest one sent for this purpose and subject, or None."""

    async def unmined(self, network: str, sender: str) -> Sequence[ChainTransaction]:
        """Those without an outcome, in nonce order."""

    async def record(self, transaction: str, state: TransactionState, block: int) -> None:
        """Write the outcome; harmless when it is written already."""


class UnitOfWork(Protocol):
    """Everything changed through it happens together or not at all."""

    orders: Orders
    deliveries: Deliveries
    ledger: Ledger
    receipts: Receipts
    proofs: Proofs
    outbox: Outbox
    settlements: Settlements
    transactions: Transactions


class Database(Protocol):
    """Where the facts are kept."""

    def begin(self, name: str) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work that commits at the end of the block, or rolls back if it raises.

        `name` says what it is for: it labels traces and the points at which tests kill the process.
        """

    def read(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A consistent view for reading; nothing is committed."""
