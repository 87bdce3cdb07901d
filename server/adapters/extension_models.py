"""The tables of the x402 extensions: payment identifiers, and nonces of sign-ins."""

from sqlalchemy import Column, ForeignKey, LargeBinary, String, Table

from server.adapters.models import Utc, metadata

payment_identifiers = Table(
    "payment_identifiers",
    metadata,
    Column("payer", String(42), primary_key=True),
    Column("intent", LargeBinary(32), primary_key=True),
    Column("identifier", String(128), primary_key=True),
    Column("order_id", ForeignKey("orders.id"), nullable=False),
)

sign_in_nonces = Table(
    "sign_in_nonces",
    metadata,
    Column("nonce", String(64), primary_key=True),
    Column("until", Utc, nullable=False, index=True),
)
