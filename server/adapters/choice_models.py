"""The table of payers' signatures over calldata that they chose."""

from sqlalchemy import Column, ForeignKey, LargeBinary, Table

from server.adapters.models import Utc, metadata

calldata_signatures = Table(
    "calldata_signatures",
    metadata,
    Column("order_id", ForeignKey("orders.id"), primary_key=True),
    Column("signature", LargeBinary, nullable=False),
    Column("signed_at", Utc, nullable=False),
)
