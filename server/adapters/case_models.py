"""The tables of cases; one open case for each kind and subject is the database's own rule."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, text

from server.adapters.models import Utc, metadata

cases = Table(
    "cases",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("subject", String(100), nullable=False),
    Column("order_id", ForeignKey("orders.id"), index=True),
    Column("merchant", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("opened_at", Utc, nullable=False),
    Column("request", String(110), unique=True),
    Column("state", String(16), nullable=False),
    Column("outcome", String(16)),
    Column("reason", Text),
    Column("resolved_at", Utc),
    Column("version", Integer, nullable=False),
    Index(None, "state", "opened_at"),
    Index(
        "uq_cases_open",
        "kind",
        "subject",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
)

case_events = Table(
    "case_events",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False, index=True),
    Column("at", Utc, nullable=False),
    Column("what", String(64), nullable=False),
    Column("by", String(80), nullable=False),
    Column("note", Text, nullable=False),
)
