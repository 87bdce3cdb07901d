"""More of the agent's tables: transfers of its own, and what discovery says that services can do."""

from sqlalchemy import Column, Integer, LargeBinary, String, Table

from agent.columns import Amount, Moment
from agent.models import metadata

__all__ = ["capabilities", "metadata", "transfers"]

capabilities = Table(
    "capabilities",
    metadata,
    Column("origin", String, primary_key=True),
    Column("method", String, primary_key=True),
    Column("path", String, primary_key=True),
    Column("tags", LargeBinary, nullable=False),
    Column("told_at", Moment, nullable=False),
)

transfers = Table(
    "transfers",
    metadata,
    Column("id", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("network", String, nullable=False),
    Column("asset", String, nullable=False),
    Column("amount", Amount, nullable=False),
    Column("recipient", String, nullable=False),
    Column("payer", String, nullable=False),
    Column("key", String, nullable=False),
    Column("nonce", Integer, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("transaction", String, nullable=False),
    Column("created_at", Moment, nullable=False),
)
