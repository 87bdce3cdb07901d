"""The table of pledges: the wallet and authorization by which each refund comes."""

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table

from server.adapters.models import Atomic, metadata

refund_pledges = Table(
    "refund_pledges",
    metadata,
    Column("refund", String(64), primary_key=True),
    Column("wallet", String(42), nullable=False),
    Column("value", Atomic, nullable=False),
    Column("valid_before", BigInteger, nullable=False),
    Column("signature", LargeBinary),
)
