"""The tables of actions that buyers may choose, and of the changes to them."""

from sqlalchemy import Column, Integer, String, Table, Text

from server.adapters.models import Atomic, Utc, metadata

callback_actions = Table(
    "callback_actions",
    metadata,
    Column("network", String(32), primary_key=True),
    Column("contract", String(42), primary_key=True),
    Column("function", String(200), primary_key=True),
    Column("minimum", Atomic, nullable=False),
    Column("maximum", Atomic, nullable=False),
    Column("state", String(16), nullable=False),
    Column("at", Utc, nullable=False),
    Column("by", String(64), nullable=False),
)

callback_changes = Table(
    "callback_changes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("network", String(32), nullable=False),
    Column("contract", String(42), nullable=False),
    Column("function", String(200), nullable=False),
    Column("old", String(16), nullable=False),
    Column("new", String(16), nullable=False),
    Column("minimum", Atomic, nullable=False),
    Column("maximum", Atomic, nullable=False),
    Column("at", Utc, nullable=False),
    Column("by", String(64), nullable=False),
    Column("note", Text, nullable=False),
)
