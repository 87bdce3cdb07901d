"""Merchants' back ends: their orders' own names, nonces of signed requests, fees, secrets, callbacks and logos."""

import sqlalchemy as sa
from alembic import op

from server.adapters.models import Atomic, Utc

revision = "0110"
down_revision = "0090"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "merchant_orders",
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("dapp_order_id", sa.String(length=128), nullable=False),
        sa.Column("symbol", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_merchant_orders_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_merchant_orders")),
        sa.UniqueConstraint("merchant", "dapp_order_id", name=op.f("uq_merchant_orders_merchant")),
    )
    op.create_table(
        "api_nonces",
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("nonce", sa.String(length=128), nullable=False),
        sa.Column("until", Utc, nullable=False),
        sa.PrimaryKeyConstraint("merchant", "nonce", name=op.f("pk_api_nonces")),
    )
    op.create_index(op.f("ix_api_nonces_until"), "api_nonces", ["until"])
    op.create_table(
        "fee_entries",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("debit", sa.String(length=80), nullable=False),
        sa.Column("credit", sa.String(length=80), nullable=False),
        sa.Column("amount", Atomic, nullable=False),
        sa.Column("order_id", sa.String(length=64), nullable=True),
        sa.Column("booked_at", Utc, nullable=False),
        sa.CheckConstraint("debit <> credit", name=op.f("ck_fee_entries_two_accounts")),
        sa.CheckConstraint("CAST(amount AS TEXT) NOT LIKE '-%'", name=op.f("ck_fee_entries_not_negative")),
        sa.CheckConstraint("CAST(amount AS TEXT) <> '0'", name=op.f("ck_fee_entries_not_zero")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_fee_entries_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fee_entries")),
        sa.UniqueConstraint("order_id", "kind", name=op.f("uq_fee_entries_order_id")),
    )
    op.create_index(op.f("ix_fee_entries_merchant"), "fee_entries", ["merchant"])
    op.add_column("merchants", sa.Column("api_secret", sa.String(length=64)))
    op.add_column("merchants", sa.Column("former_secret", sa.String(length=64)))
    op.add_column("merchants", sa.Column("former_secret_until", Utc))
    op.add_column("merchants", sa.Column("callback", sa.String(length=64)))
    op.add_column("merchants", sa.Column("logo", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Take back."""
    for column in ("logo", "callback", "former_secret_until", "former_secret", "api_secret"):
        op.drop_column("merchants", column)
    op.drop_index(op.f("ix_fee_entries_merchant"), "fee_entries")
    op.drop_table("fee_entries")
    op.drop_index(op.f("ix_api_nonces_until"), "api_nonces")
    op.drop_table("api_nonces")
    op.drop_table("merchant_orders")
