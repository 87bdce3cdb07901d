"""The tables of upstreams, and of the changes to them and to merchants."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from server.adapters.models import Utc, metadata

upstreams = Table(
    "upstreams",
    metadata,
    Column("slug", String(64), primary_key=True),
    Column("merchant", String(64), nullable=False, index=True),
    Column("url", String(2000), nullable=False),
    Column("method", String(4), nullable=False),
    Column("title", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("unit", String(64), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("arguments", LargeBinary, nullable=False),
    Column("example", LargeBinary, nullable=False),
    Column("answers", LargeBinary, nullable=False),
    Column("media_type", String(64), nullable=False),
    Column("tags", Text, nullable=False),
    Column("settles_first", Boolean, nullable=False),
    Column("seconds", Integer, nullable=False),
    Column("quote_seconds", Integer, nullable=False),
    Column("secret", String(64), nullable=False),
    Column("old_secret", String(64), nullable=False),
    Column("old_secret_until", Utc),
    Column("state", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", Utc, nullable=False),
    Column("by", String(64), nullable=False),
)

upstream_changes = Table(
    "upstream_changes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("slug", String(64), ForeignKey("upstreams.slug"), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("old", String(16), nullable=False),
    Column("new", String(16), nullable=False),
    Column("at", Utc, nullable=False),
    Column("by", String(64), nullable=False),
    Column("facts", LargeBinary, nullable=False),
)

merchant_changes = Table(
    "merchant_changes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("merchant", String(64), nullable=False, index=True),
    Column("old", String(42), nullable=False),
    Column("new", String(42), nullable=False),
    Column("at", Utc, nullable=False),
    Column("by", String(64), nullable=False),
)
