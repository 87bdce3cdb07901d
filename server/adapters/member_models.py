"""The tables of members, of the audit of them, and of sessions."""

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, String, Table

from server.adapters.models import Utc, metadata

merchant_members = Table(
    "merchant_members",
    metadata,
    Column("merchant", ForeignKey("merchants.id"), primary_key=True),
    Column("wallet", String(42), primary_key=True, index=True),
    Column("role", String(16), nullable=False),
    Column("at", Utc, nullable=False),
    Column("by", String(64), nullable=False),
)

member_changes = Table(
    "member_changes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("merchant", String(64), nullable=False, index=True),
    Column("wallet", String(42), nullable=False),
    Column("old", String(16), nullable=False),
    Column("new", String(16), nullable=False),
    Column("at", Utc, nullable=False),
    Column("by", String(64), nullable=False),
)

console_sessions = Table(
    "console_sessions",
    metadata,
    Column("secret", LargeBinary(32), primary_key=True),
    Column("until", Utc, nullable=False, index=True),
    Column("wallet", String(42), nullable=False),
    Column("merchant", String(64), nullable=False),
    Column("token", LargeBinary(32), nullable=False),
)
