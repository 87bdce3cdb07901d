"""The tables of webhooks: endpoints, announcements, and the log of their deliveries."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from server.adapters.models import Utc, metadata

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("merchant", ForeignKey("merchants.id"), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("description", String(200), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("secret", String(40), nullable=False),
    Column("old_secret", String(40)),
    Column("old_secret_until", Utc),
    Column("enabled", Boolean, nullable=False),
    Column("note", String(200), nullable=False),
    Column("removed_at", Utc),
    Column("failures", Integer, nullable=False),
    Column("quiet_until", Utc),
    Column("version", Integer, nullable=False),
)

webhook_announcements = Table(
    "webhook_announcements",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("merchant", String(64), nullable=False),
    Column("order_id", String(64), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("order_id", "sequence"),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(40), nullable=False, unique=True),
    Column("endpoint_id", ForeignKey("webhook_endpoints.id"), nullable=False),
    Column("announcement_id", ForeignKey("webhook_announcements.id"), nullable=False),
    Column("order_id", String(64), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("since", Utc, nullable=False),
    Column("due", Utc, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("attempted_at", Utc),
    Column("status", Integer),
    Column("latency_ms", Integer),
    Column("excerpt", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("endpoint_id", "order_id", "sequence"),
    Index(None, "endpoint_id", "number"),
)
