"""Closed hours, and what happened in each."""

import sqlalchemy as sa
from alembic import op

revision = "0180"
down_revision = "0170"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "closed_hours",
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("hour", name="pk_closed_hours"),
    )
    op.create_table(
        "hour_orders",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hour_orders"),
    )
    op.create_index("ix_hour_orders_hour", "hour_orders", ["hour"])
    op.create_table(
        "hour_turnover",
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("network", sa.String(length=32), nullable=False),
        sa.Column("asset", sa.String(length=42), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "kind", "network", "asset", name="pk_hour_turnover"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("hour_turnover")
    op.drop_index("ix_hour_orders_hour", "hour_orders")
    op.drop_table("hour_orders")
    op.drop_table("closed_hours")
