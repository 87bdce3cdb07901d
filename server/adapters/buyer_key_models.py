"""The tables of buyer keys, of what they may spend, and of the orders that were claimed with them."""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from server.adapters.models import Atomic, Utc, metadata

buyer_keys = Table(
    "buyer_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("wallet", String(42), nullable=False, index=True),
    Column("name", String(60), nullable=False),
    Column("secret", LargeBinary(32), nullable=False, unique=True),
    Column("per_minute", Integer, nullable=False),
    Column("at", Utc, nullable=False),
    Column("until", Utc, nullable=False),
    Column("revoked_at", Utc),
)

buyer_key_caps = Table(
    "buyer_key_caps",
    metadata,
    Column("key", ForeignKey("buyer_keys.id"), primary_key=True),
    Column("network", String(32), primary_key=True),
    Column("asset", String(42), primary_key=True),
    Column("per_day", Atomic, nullable=False),
)

buyer_key_orders = Table(
    "buyer_key_orders",
    metadata,
    Column("order_id", ForeignKey("orders.id"), primary_key=True),
    Column("key", ForeignKey("buyer_keys.id"), nullable=False),
    Column("day", Utc, nullable=False),
    Index(None, "key", "day"),
)
