"""Pledges: which wallet's authorization each refund comes by."""

import sqlalchemy as sa
from alembic import op

from server.adapters.models import Atomic

revision = "0090"
down_revision = "0080"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "refund_pledges",
        sa.Column("refund", sa.String(length=64), nullable=False),
        sa.Column("wallet", sa.String(length=42), nullable=False),
        sa.Column("value", Atomic, nullable=False),
        sa.Column("valid_before", sa.BigInteger(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("refund", name=op.f("pk_refund_pledges")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("refund_pledges")
