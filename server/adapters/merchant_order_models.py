"""The tables of merchants' back ends: their orders' own names, and the nonces of their signed requests."""

from sqlalchemy import Column, ForeignKey, String, Table, UniqueConstraint

from server.adapters.models import Utc, metadata

merchant_orders = Table(
    "merchant_orders",
    metadata,
    Column("order_id", ForeignKey("orders.id"), primary_key=True),
    Column("merchant", String(64), nullable=False),
    Column("dapp_order_id", String(128), nullable=False),
    Column("symbol", String(32), nullable=False),
    UniqueConstraint("merchant", "dapp_order_id"),
)

api_nonces = Table(
    "api_nonces",
    metadata,
    Column("merchant", String(64), primary_key=True),
    Column("nonce", String(128), primary_key=True),
    Column("until", Utc, nullable=False, index=True),
)
