"""The tables of merchants' identities, of reviews, and of how far registries were read."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, UniqueConstraint

from server.adapters.models import Atomic, Utc, metadata

merchant_identities = Table(
    "merchant_identities",
    metadata,
    Column("network", String(32), primary_key=True),
    Column("merchant", String(64), primary_key=True),
    Column("registry", String(42), nullable=False),
    Column("agent_id", Atomic, nullable=False),
    Column("wallet", String(42), nullable=False),
    Column("uri", String(2048), nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("checked_at", Utc, nullable=False),
)

reviews = Table(
    "reviews",
    metadata,
    Column("network", String(32), primary_key=True),
    Column("transaction", String(66), primary_key=True),
    Column("log_index", Integer, primary_key=True),
    Column("order_id", String(64), nullable=False),
    Column("merchant", String(64), nullable=False),
    Column("service", String(64), nullable=False),
    Column("reviewer", String(42), nullable=False),
    Column("score", Integer, nullable=False),
    Column("weight", BigInteger, nullable=False),
    Column("file_hash", String(66), nullable=False),
    Column("at", Utc, nullable=False),
    Column("given_in", String(200)),
    Column("given_block", BigInteger, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    UniqueConstraint("network", "given_in"),
    Index("ix_reviews_merchant_service", "merchant", "service"),
)

reputation_cursors = Table(
    "reputation_cursors",
    metadata,
    Column("network", String(32), primary_key=True),
    Column("block", BigInteger, nullable=False),
    Column("block_hash", String(66), nullable=False),
    Column("version", Integer, nullable=False),
)
