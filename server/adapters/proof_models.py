"""The tables of receipt chains and their anchors."""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, UniqueConstraint

from server.adapters.models import Utc, metadata

receipt_queue = Table(
    "receipt_queue",
    metadata,
    Column("order_id", ForeignKey("orders.id"), primary_key=True),
    Column("merchant", String(64), nullable=False),
    Column("released_at", Utc, nullable=False),
    Index(None, "merchant", "released_at"),
)

receipt_chain = Table(
    "receipt_chain",
    metadata,
    Column("merchant", String(64), primary_key=True),
    Column("index", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("order_id", ForeignKey("orders.id"), nullable=False),
    Column("previous", LargeBinary(32), nullable=False),
    Column("content", LargeBinary(32), nullable=False),
    Column("link", LargeBinary(32), nullable=False),
    Column("appended_at", Utc, nullable=False),
    Column("revocation", LargeBinary),
    UniqueConstraint("order_id", "kind"),
)

anchors = Table(
    "anchors",
    metadata,
    Column("network", String(32), primary_key=True),
    Column("contract", String(42), primary_key=True),
    Column("publisher", String(42), primary_key=True),
    Column("merchant", String(64), primary_key=True),
    Column("batch", Integer, primary_key=True, autoincrement=False),
    Column("first", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("head", LargeBinary(32), nullable=False),
    Column("transaction", String(66), nullable=False),
    Column("block", Integer),
    Index(None, "merchant", "last"),
)
