"""The tables, in SQLAlchemy Core: facts, unique keys that decide races, and no balances."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from server.adapters.row_sets import BY_TRANSFER, DENIED, IN_FLIGHT, OPEN, SIGNED, WAITING

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Utc(TypeDecorator[datetime]):
    """An aware moment; SQLite, which keeps no zone, gets UTC back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return (value if value.tzinfo else value.replace(tzinfo=UTC)) if value else None


class Atomic(TypeDecorator[int]):
    """An amount of atomic units, up to 256 bits: NUMERIC where that is exact, text on SQLite, always an int here."""

    impl = Numeric(78, 0)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(String(78) if dialect.name == "sqlite" else Numeric(78, 0))

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        return str(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        return int(value) if value is not None else None


orders = Table(
    "orders",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("service", String(64), nullable=False),
    Column("merchant", String(64), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("network", String(32), nullable=False),
    Column("asset", String(42), nullable=False),
    Column("amount", Atomic, nullable=False),
    Column("pay_to", String(42), nullable=False),
    Column("resource_url", Text, nullable=False),
    Column("intent", LargeBinary(32), nullable=False),
    Column("quoted_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("scheme", String(16), nullable=False),
    Column("method", String(16), nullable=False),
    Column("authority", String(42), nullable=False),
    Column("payer", String(42), nullable=False),
    Column("nonce", LargeBinary(32), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("valid_before", Utc, nullable=False),
    Column("x402_version", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("arguments", LargeBinary, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("since_block", Integer, nullable=False),
    Column("payment", String(16), nullable=False),
    Column("fulfilment", String(16), nullable=False),
    Column("money_back", String(16), nullable=False),
    Column("lease_until", Utc),
    Column("fence", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("settlement_tx", String(66)),
    Column("settlement_block", Integer),
    Column("callback_tx", String(66)),
    Column("refund_tx", String(66)),
    Column("paid_at", Utc),
    Column("released_at", Utc),
    Column("final_at", Utc),
    Column("failure", Text),
    Column("charged", Atomic),
    Column("round", Integer, nullable=False, default=0),
    Column("received", Atomic),
    Column("returned", Atomic, nullable=False, server_default="0"),
    Column("refunds", Integer, nullable=False, server_default="0"),
    Column("status", String(16), nullable=False, server_default="pending"),
    UniqueConstraint("network", "authority", "payer", "nonce"),
    Index(None, "created_at", "id"),
    *(Index(None, one, "created_at", "id") for one in ("status", "service", "merchant")),
    Index(None, "payer", "intent"),
    Index(None, "payment", "fulfilment", "lease_until"),
    Index("ix_orders_in_flight", "payer", sqlite_where=IN_FLIGHT, postgresql_where=IN_FLIGHT),
    Index("ix_orders_open", "created_at", sqlite_where=OPEN, postgresql_where=OPEN),
    Index("ix_orders_denied", "created_at", sqlite_where=DENIED, postgresql_where=DENIED),
    Index("ix_orders_waiting", "network", "expires_at", sqlite_where=WAITING, postgresql_where=WAITING),
    Index("ix_orders_by_transfer", "payer", "pay_to", sqlite_where=BY_TRANSFER, postgresql_where=BY_TRANSFER),
)

order_events = Table(
    "order_events",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("order_id", ForeignKey("orders.id"), nullable=False, index=True),
    Column("at", Utc, nullable=False),
    Column("what", String(32), nullable=False),
    Column("old", Text, nullable=False),
    Column("new", Text, nullable=False),
    Column("note", Text, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("order_id", ForeignKey("orders.id"), primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("content_type", String(200), nullable=False),
    Column("created_at", Utc, nullable=False),
)

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("order_id", ForeignKey("orders.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("debit", String(80), nullable=False),
    Column("credit", String(80), nullable=False),
    Column("network", String(32), nullable=False),
    Column("asset", String(42), nullable=False),
    Column("amount", Atomic, nullable=False),
    Column("transaction", String(66), nullable=False),
    Column("block", Integer, nullable=False),
    Column("block_hash", String(66), nullable=False),
    Column("log_index", Integer, nullable=False),
    Column("round", Integer, nullable=False, default=0),
    Column("reversal", Boolean, nullable=False, default=False),
    Column("booked_at", Utc, nullable=False),
    Index(None, "booked_at"),
    *(Index(None, *names) for names in (("network", "block"), ("network", "block_hash", "log_index", "reversal"))),
    UniqueConstraint("order_id", "kind", "round", "reversal"),
    UniqueConstraint(
        "network", "transaction", "block_hash", "log_index", "round", "reversal", name="uq_ledger_entries_log"
    ),
    CheckConstraint("debit <> credit", name="two_accounts"),
    CheckConstraint("CAST(amount AS TEXT) NOT LIKE '-%'", name="not_negative"),
    CheckConstraint("CAST(amount AS TEXT) <> '0'", name="not_zero"),
)

receipts = Table(
    "receipts",
    metadata,
    Column("order_id", ForeignKey("orders.id"), primary_key=True),
    Column("receipt", LargeBinary, nullable=False),
    Column("standard", LargeBinary, nullable=False),
)

proofs = Table(
    "proofs",
    metadata,
    Column("order_id", ForeignKey("orders.id"), primary_key=True),
    Column("record", LargeBinary, nullable=False),
    Column("stored_at", Utc, nullable=False),
)

merchants = Table(
    "merchants",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("pay_to", String(42), nullable=False),
    Column("key_digest", LargeBinary(32), nullable=False),
    Column("former_digest", LargeBinary(32)),
    Column("former_until", Utc),
    Column("api_secret", String(64)),
    Column("former_secret", String(64)),
    Column("former_secret_until", Utc),
    Column("callback", String(64)),
    Column("logo", Text, nullable=False, server_default=""),
    Column("created_at", Utc, nullable=False),
)

switches = Table(
    "switches",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("on", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("by", String(64), nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", String(140), primary_key=True),
    Column("topic", String(32), nullable=False),
    Column("subject", String(100), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due", Utc, nullable=False),
    Column("lease_until", Utc),
    Column("done", Integer, nullable=False, default=0),
    Column("error", Text),
    Index(None, "done", "due"),
)

settlements = Table(
    "settlements",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("request", LargeBinary, nullable=False),
    Column("network", String(32), nullable=False),
    Column("payer", String(42), nullable=False),
    Column("amount", Atomic, nullable=False),
    Column("state", String(16), nullable=False),
    Column("lease_until", Utc, nullable=False),
    Column("since_block", Integer, nullable=False),
    Column("sent_in", String(66), index=True),
    Column("transaction", String(66)),
    Column("reason", String(100)),
    Column("version", Integer, nullable=False),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("failed_at", Utc),
    Index(None, "state", "lease_until"),
    Index(None, "payer", "failed_at"),
)

sending_keys = Table(
    "sending_keys",
    metadata,
    Column("network", String(32), primary_key=True),
    Column("address", String(42), primary_key=True),
    Column("next_nonce", Integer, nullable=False),
)

chain_transactions = Table(
    "chain_transactions",
    metadata,
    Column("hash", String(66), primary_key=True),
    Column("network", String(32), nullable=False),
    Column("sender", String(42), nullable=False),
    Column("nonce", Integer, nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("mined_hash", String(66)),
    Column("block", Integer),
    Column("block_hash", String(66)),
    UniqueConstraint("network", "sender", "nonce"),
    Index(None, "purpose", "subject"),
    Index(None, "network", "sender", "block"),
    Index("ix_chain_transactions_signed", "network", "sender", "nonce", sqlite_where=SIGNED, postgresql_where=SIGNED),
)

chain_attempts = Table(
    "chain_attempts",
    metadata,
    Column("hash", String(66), primary_key=True),
    Column("transaction", ForeignKey("chain_transactions.hash"), nullable=False, index=True),
    Column("raw", LargeBinary, nullable=False),
    Column("max_fee", BigInteger, nullable=False),
    Column("priority", BigInteger, nullable=False),
    Column("signed_at", Utc, nullable=False),
)
