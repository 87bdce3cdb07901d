"""The tables of closed hours and their sums. Hours are counted from 1970, UTC."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from server.adapters.models import metadata

closed_hours = Table("closed_hours", metadata, Column("hour", Integer, primary_key=True, autoincrement=False))

hour_orders = Table(
    "hour_orders",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("hour", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("count", BigInteger, nullable=False),
    Index(None, "hour"),
)
"""How many orders were made in an hour, by where they stand: the sum of all rows. One that moves later adds two rows,
so that nobody waits for another's row."""

hour_turnover = Table(
    "hour_turnover",
    metadata,
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), primary_key=True),
    Column("network", String(32), primary_key=True),
    Column("asset", String(42), primary_key=True),
    Column("rows", BigInteger, nullable=False),
    Column("amount", Text, nullable=False),
)
"""What an hour's rows of the ledger come to, as decimal text: no sum is too large. Rows of the ledger never change, and
none is booked at an earlier time, so nothing is added."""
