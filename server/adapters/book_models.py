"""The tables that say how far ledger and chains were compared."""

from sqlalchemy import Column, Integer, String, Table

from server.adapters.models import Atomic, metadata

wallet_cursors = Table(
    "wallet_cursors",
    metadata,
    Column("network", String(32), primary_key=True),
    Column("asset", String(42), primary_key=True),
    Column("address", String(42), primary_key=True),
    Column("first", Integer, nullable=False),
    Column("opening", Atomic),
    Column("moved", Atomic, nullable=False),
    Column("block", Integer, nullable=False),
    Column("block_hash", String(66), nullable=False),
    Column("version", Integer, nullable=False),
)

row_cursors = Table(
    "row_cursors",
    metadata,
    Column("network", String(32), primary_key=True),
    Column("row", Integer, nullable=False),
)
