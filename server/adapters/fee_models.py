"""The table of merchants' fees."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, String, Table, UniqueConstraint

from server.adapters.models import Atomic, Utc, metadata

fee_entries = Table(
    "fee_entries",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("merchant", String(64), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("debit", String(80), nullable=False),
    Column("credit", String(80), nullable=False),
    Column("amount", Atomic, nullable=False),
    Column("order_id", ForeignKey("orders.id")),
    Column("booked_at", Utc, nullable=False),
    UniqueConstraint("order_id", "kind"),
    CheckConstraint("debit <> credit", name="two_accounts"),
    CheckConstraint("CAST(amount AS TEXT) NOT LIKE '-%'", name="not_negative"),
    CheckConstraint("CAST(amount AS TEXT) <> '0'", name="not_zero"),
)
