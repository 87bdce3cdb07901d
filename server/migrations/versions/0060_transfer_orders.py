"""Orders that are paid by plain transfers: what came and went back, and how far each network was read."""

import sqlalchemy as sa
from alembic import op

from server.adapters.models import Atomic, Utc

revision = "0060"
down_revision = "0050"
branch_labels = None
depends_on = None

BEFORE = sa.text(
    "payment IN ('authorized', 'settling', 'in_doubt', 'settled')"
    " AND fulfilment IN ('none', 'running', 'ready', 'executing')"
)
IN_FLIGHT = sa.text(
    "payment IN ('created', 'authorized', 'settling', 'in_doubt', 'settled')"
    " AND fulfilment IN ('none', 'running', 'ready', 'executing')"
)
WAITING = sa.text("payment = 'created'")
BY_TRANSFER = sa.text("scheme = 'transfer'")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "transfer_cursors",
        sa.Column("network", sa.String(length=32), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("block_hash", sa.String(length=66), nullable=False),
        sa.Column("looked_at", Utc, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("network", name=op.f("pk_transfer_cursors")),
    )
    op.add_column("orders", sa.Column("received", Atomic))
    op.add_column("orders", sa.Column("returned", Atomic, nullable=False, server_default="0"))
    op.add_column("orders", sa.Column("refunds", sa.Integer(), nullable=False, server_default="0"))
    _index_in_flight(IN_FLIGHT)
    op.create_index(
        "ix_orders_waiting", "orders", ["network", "expires_at"], sqlite_where=WAITING, postgresql_where=WAITING
    )
    op.create_index(
        "ix_orders_by_transfer", "orders", ["payer", "pay_to"], sqlite_where=BY_TRANSFER, postgresql_where=BY_TRANSFER
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_orders_by_transfer", "orders")
    op.drop_index("ix_orders_waiting", "orders")
    _index_in_flight(BEFORE)
    for column in ("refunds", "returned", "received"):
        op.drop_column("orders", column)
    op.drop_table("transfer_cursors")


def _index_in_flight(condition: sa.TextClause) -> None:
    op.drop_index("ix_orders_in_flight", "orders")
    op.create_index("ix_orders_in_flight", "orders", ["payer"], sqlite_where=condition, postgresql_where=condition)
