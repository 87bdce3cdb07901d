"""The table of orders' traces."""

from sqlalchemy import Column, ForeignKey, String, Table

from server.adapters.models import metadata

order_traces = Table(
    "order_traces",
    metadata,
    Column("order_id", ForeignKey("orders.id"), primary_key=True),
    Column("traceparent", String(55), nullable=False),
)
