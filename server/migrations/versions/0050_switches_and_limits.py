"""The operator's switches, and what limits per payer are counted by."""

import sqlalchemy as sa
from alembic import op

from server.adapters.models import Utc

revision = "0050"
down_revision = "0030"
branch_labels = None
depends_on = None

IN_FLIGHT = sa.text(
    "payment IN ('authorized', 'settling', 'in_doubt', 'settled')"
    " AND fulfilment IN ('none', 'running', 'ready', 'executing')"
)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "switches",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("on", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", Utc, nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_switches")),
    )
    op.create_index("ix_orders_in_flight", "orders", ["payer"], sqlite_where=IN_FLIGHT, postgresql_where=IN_FLIGHT)
    op.add_column("settlements", sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("settlements", sa.Column("failed_at", Utc))
    op.create_index(op.f("ix_settlements_payer_failed_at"), "settlements", ["payer", "failed_at"])


def downgrade() -> None:
    """Take back."""
    op.drop_index(op.f("ix_settlements_payer_failed_at"), "settlements")
    for column in ("failed_at", "failures"):
        op.drop_column("settlements", column)
    op.drop_index("ix_orders_in_flight", "orders")
    op.drop_table("switches")
