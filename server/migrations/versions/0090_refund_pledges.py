"""Pledges: which wallet's authorization an order's money goes back by."""

import sqlalchemy as sa
from alembic import op

from server.adapters.models import Atomic

revision = "0090"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "refund_pledges",
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("wallet", sa.String(length=42), nullable=False),
        sa.Column("value", Atomic, nullable=False),
        sa.Column("valid_before", sa.BigInteger(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_refund_pledges_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_refund_pledges")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("refund_pledges")
