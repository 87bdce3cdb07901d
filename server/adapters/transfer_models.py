"""The table of how far each network was read for plain transfers."""

from sqlalchemy import Column, Integer, String, Table

from server.adapters.models import Utc, metadata

transfer_cursors = Table(
    "transfer_cursors",
    metadata,
    Column("network", String(32), primary_key=True),
    Column("first", Integer, nullable=False),
    Column("block", Integer, nullable=False),
    Column("block_hash", String(66), nullable=False),
    Column("looked_at", Utc, nullable=False),
    Column("version", Integer, nullable=False),
)
