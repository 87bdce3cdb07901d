"""The agent's tables (SQLAlchemy Core), and a purchase as the rest of the code sees it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, String, Table, text

from agent.columns import Amount, Moment
from agent.privacy import redact
from protocol.payment import Method
from protocol.wire import SCHEME_DELEGATE, SCHEME_UPTO


class State(StrEnum):
    """Where a purchase stands; also the outcome that a caller sees."""

    WAITING = "waiting"
    RESERVED = "reserved"
    SENT = "sent"
    IN_DOUBT = "in_doubt"
    DELIVERED = "delivered"
    REFUSED = "refused"
    REFUNDED = "refunded"
    FAILED = "failed"


class Proof(StrEnum):
    """How well a delivered purchase is proven."""

    NONE = "none"
    UNCHECKED = "unchecked"
    PROVEN = "proven"
    NO_RECEIPT = "no_receipt"
    MISMATCH = "mismatch"


metadata = MetaData()
FALSE_PROOF = "proof = 'mismatch'"
"""Of a purchase, in the words of its index: SQLite uses that for nothing but these."""

purchases = Table(
    "purchases",
    metadata,
    Column("id", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("detail", String, nullable=False),
    Column("task", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("method", String, nullable=False),
    Column("url", String, nullable=False),
    Column("content_type", String, nullable=False),
    Column("accept", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("mode", String),
    Column("network", String),
    Column("asset", String),
    Column("amount", Amount),
    Column("pay_to", String),
    Column("contract", String),
    Column("action", String),
    Column("scheme", String),
    Column("transfer_method", String),
    Column("charged", Amount),
    Column("payer", String),
    Column("nonce", String),
    Column("valid_before", Moment),
    Column("version", Integer),
    Column("entry", LargeBinary),
    Column("payment", String),
    Column("payment_hash", String),
    Column("quote_id", String),
    Column("order_id", String),
    Column("status_url", String),
    Column("http_status", Integer),
    Column("answer", String),
    Column("settlement", String),
    Column("callback", String),
    Column("refund", String),
    Column("removed", String),
    Column("cancellation", String),
    Column("grant_id", String),
    Column("proof", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Index("purchases_by_fingerprint", "fingerprint", "state"),
    Index("purchases_with_a_false_proof", "url", sqlite_where=text(FALSE_PROOF)),
)

holds = Table(
    "holds",
    metadata,
    Column("purchase_id", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("network", String, nullable=False),
    Column("asset", String, nullable=False),
    Column("amount", Amount, nullable=False),
    Column("task", String, nullable=False),
    Column("session", String),
    Column("origin", String, nullable=False),
    Column("host", String),
    Column("payer", String, nullable=False),
    Column("nonce", String, nullable=False),
    Column("valid_before", Moment, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index("holds_by_task", "task"),
    Index("holds_by_time", "created_at"),
    Index("holds_to_count", "network", "asset", "amount", "task", "created_at", "state", "valid_before"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("approver", String, nullable=False),
    Column("terms", LargeBinary, nullable=False),
    Column("reason", String, nullable=False),
    Column("signature", String),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("decided_at", Moment),
    Column("used_at", Moment),
)

grants = Table(
    "grants",
    metadata,
    Column("id", String, primary_key=True),
    Column("origin", String, nullable=False),
    Column("terms", LargeBinary, nullable=False),
    Column("signature", String, nullable=False),
    Column("given_at", Moment, nullable=False),
    Column("revoked_at", Moment),
)

receipts = Table(
    "receipts",
    metadata,
    Column("id", String, primary_key=True),
    Column("purchase_id", String, nullable=False, unique=True),
    Column("settlement", LargeBinary),
    Column("body", LargeBinary, nullable=False),
    Column("body_hash", String, nullable=False),
    Column("body_size", Integer, nullable=False),
    Column("body_type", String, nullable=False),
    Column("findings", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("checked_findings", LargeBinary),
    Column("checked_at", Moment),
)

merchants = Table(
    "merchants",
    metadata,
    Column("origin", String, primary_key=True),
    Column("receipt_signer", String, nullable=False),
    Column("pinned_at", Moment, nullable=False),
)

prices = Table(
    "prices",
    metadata,
    Column("origin", String, primary_key=True),
    Column("method", String, primary_key=True),
    Column("path", String, primary_key=True),
    Column("mode", String, primary_key=True),
    Column("network", String, primary_key=True),
    Column("asset", String, primary_key=True),
    Column("advertised", Amount),
    Column("advertised_pay_to", String),
    Column("advertised_at", Moment),
    Column("lowest_paid", Amount),
    Column("paid_to", String),
)

standings = Table(
    "standings",
    metadata,
    Column("origin", String, primary_key=True),
    Column("method", String, primary_key=True),
    Column("path", String, primary_key=True),
    Column("reviews", Integer, nullable=False),
    Column("rating", Integer, nullable=False),
    Column("told_at", Moment, nullable=False),
)

stops = Table(
    "stops",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("reason", String, nullable=False),
    Column("stopped_at", Moment, nullable=False),
    Column("ended_at", Moment),
)


class Signed(NamedTuple):
    """What identifies an authorization on chain: atomic units, Unix seconds, 0x-hex. `amount` is the most it moves;
    `executed`: `pay_to` is an executor, which names the nonce in an event."""

    network: str
    asset: str
    amount: int
    payer: str
    pay_to: str
    nonce: str
    valid_before: int
    method: Method = Method.EIP3009
    executed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """One row of `purchases`: amounts in atomic units, times aware UTC, hashes and addresses 0x-hex.

    `amount` is what was signed for: the price, or the ceiling of a metered call, which then cost `charged`, as soon as
    the seller or the chain has said so. `entry` is the accepted entry of the 402 in JSON, in v2's words whatever the
    `version` of x402 that the seller speaks. `cancellation` is the transaction that takes the payment back, as hex of
    its signed bytes, once there is one. `payment` is the signed header: it can move money, so it is never shown,
    logged or sent anywhere but to `origin`.
    """

    id: str
    state: State
    rule: str
    detail: str
    task: str
    origin: str
    method: str
    url: str
    content_type: str
    accept: str
    body: bytes
    fingerprint: str
    proof: Proof
    created_at: datetime
    updated_at: datetime
    mode: str | None = None
    network: str | None = None
    asset: str | None = None
    amount: int | None = None
    pay_to: str | None = None
    contract: str | None = None
    action: str | None = None
    scheme: str | None = None
    transfer_method: str | None = None
    charged: int | None = None
    payer: str | None = None
    nonce: str | None = None
    valid_before: datetime | None = None
    version: int | None = None
    entry: bytes | None = None
    payment: str | None = None
    payment_hash: str | None = None
    quote_id: str | None = None
    order_id: str | None = None
    status_url: str | None = None
    http_status: int | None = None
    answer: str | None = None
    settlement: str | None = None
    callback: str | None = None
    refund: str | None = None
    removed: str | None = None
    cancellation: str | None = None
    grant_id: str | None = None

    @property
    def signed(self) -> Signed:
        """The authorization of a purchase that was reserved; only those have one."""
        assert self.network is not None
        assert self.asset is not None
        assert self.amount is not None
        assert self.payer is not None
        assert self.pay_to is not None
        assert self.nonce is not None
        assert self.valid_before is not None
        until, executed = int(self.valid_before.timestamp()), self.scheme == SCHEME_DELEGATE
        move = (self.network, self.asset, self.amount, self.payer, self.pay_to, self.nonce, until)
        return Signed(*move, Method(self.transfer_method or Method.EIP3009), executed)

    @property
    def metered(self) -> bool:
        """Whether `amount` is a ceiling."""
        return self.scheme == SCHEME_UPTO

    @property
    def paid(self) -> int:
        """What it cost, as far as that is known: a metered call costs its ceiling until somebody says less."""
        return self.charged if self.charged is not None else self.amount or 0

    def __repr__(self) -> str:
        return f"<Purchase {self.id} {self.state} {self.method} {redact(self.url)}>"
