"""Keys of buyers, what each may spend in a day, and which orders were claimed with them."""

import sqlalchemy as sa
from alembic import op

from server.adapters.models import Atomic, Utc

revision = "0210"
down_revision = "0200"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "buyer_keys",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("wallet", sa.String(length=42), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("secret", sa.LargeBinary(length=32), nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=False),
        sa.Column("at", Utc, nullable=False),
        sa.Column("until", Utc, nullable=False),
        sa.Column("revoked_at", Utc, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_buyer_keys")),
        sa.UniqueConstraint("secret", name=op.f("uq_buyer_keys_secret")),
    )
    op.create_index(op.f("ix_buyer_keys_wallet"), "buyer_keys", ["wallet"])
    op.create_table(
        "buyer_key_caps",
        sa.Column("key", sa.String(length=16), nullable=False),
        sa.Column("network", sa.String(length=32), nullable=False),
        sa.Column("asset", sa.String(length=42), nullable=False),
        sa.Column("per_day", Atomic, nullable=False),
        sa.ForeignKeyConstraint(["key"], ["buyer_keys.id"], name=op.f("fk_buyer_key_caps_key")),
        sa.PrimaryKeyConstraint("key", "network", "asset", name=op.f("pk_buyer_key_caps")),
    )
    op.create_table(
        "buyer_key_orders",
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=16), nullable=False),
        sa.Column("day", Utc, nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_buyer_key_orders_order_id")),
        sa.ForeignKeyConstraint(["key"], ["buyer_keys.id"], name=op.f("fk_buyer_key_orders_key")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_buyer_key_orders")),
    )
    op.create_index(op.f("ix_buyer_key_orders_key_day"), "buyer_key_orders", ["key", "day"])


def downgrade() -> None:
    """Take back."""
    for name in ("buyer_key_orders", "buyer_key_caps", "buyer_keys"):
        op.drop_table(name)
