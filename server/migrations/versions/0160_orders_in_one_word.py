"""Each order's status in one word, so that lists find the few among many."""

import sqlalchemy as sa
from alembic import op

revision = "0160"
down_revision = "0150"
branch_labels = None
depends_on = None

STATUS = (
    "CASE WHEN money_back IN ('due', 'sending', 'in_doubt') THEN 'refunding' WHEN money_back <> 'none' THEN money_back"
    " WHEN payment IN ('expired', 'cancelled', 'failed') THEN payment"
    " WHEN payment = 'settled' AND fulfilment = 'failed' THEN 'failed'"
    " WHEN fulfilment = 'released' THEN 'delivered' ELSE 'pending' END"
)
NEW = {name: [name, "created_at", "id"] for name in ("status", "service")}


def upgrade() -> None:
    """Apply."""
    op.add_column("orders", sa.Column("status", sa.String(length=16), nullable=False, server_default="pending"))
    op.execute(f"UPDATE orders SET status = {STATUS}")
    op.drop_index("ix_orders_created_at", "orders")
    op.drop_index("ix_orders_money_back", "orders")
    op.create_index("ix_orders_created_at_id", "orders", ["created_at", "id"])
    for name, columns in NEW.items():
        op.create_index(f"ix_orders_{name}_created_at_id", "orders", columns)


def downgrade() -> None:
    """Take back."""
    for name in NEW:
        op.drop_index(f"ix_orders_{name}_created_at_id", "orders")
    op.drop_index("ix_orders_created_at_id", "orders")
    op.create_index("ix_orders_created_at", "orders", ["created_at"])
    op.create_index("ix_orders_money_back", "orders", ["money_back"])
    op.drop_column("orders", "status")
