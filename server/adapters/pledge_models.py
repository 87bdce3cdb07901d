"""The table of pledges: the wallet and authorization by which an order's money goes back."""

from sqlalchemy import BigInteger, Column, ForeignKey, LargeBinary, String, Table

from server.adapters.models import Atomic, metadata

refund_pledges = Table(
    "refund_pledges",
    metadata,
    Column("order_id", ForeignKey("orders.id"), primary_key=True),
    Column("wallet", String(42), nullable=False),
    Column("value", Atomic, nullable=False),
    Column("valid_before", BigInteger, nullable=False),
    Column("signature", LargeBinary),
)
