"""To which trace an order belongs."""

import sqlalchemy as sa
from alembic import op

revision = "0190"
down_revision = "0180"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "order_traces",
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("traceparent", sa.String(length=55), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_order_traces_order_id"),
        sa.PrimaryKeyConstraint("order_id", name="pk_order_traces"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("order_traces")
