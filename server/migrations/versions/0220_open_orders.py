"""An index of the orders that something is still to come of: each look for them read the whole table before."""

import sqlalchemy as sa
from alembic import op

revision = "0220"
down_revision = "0210"
branch_labels = None
depends_on = None
_OPEN = sa.text(
    "(payment IN ('created', 'authorized', 'settling', 'in_doubt') OR status IN ('refunding', 'blocked')"
    " OR (payment = 'settled' AND fulfilment IN ('none', 'running', 'ready', 'executing')))"
)


def upgrade() -> None:
    """Apply."""
    op.create_index("ix_orders_open", "orders", ["created_at"], sqlite_where=_OPEN, postgresql_where=_OPEN)


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_orders_open", table_name="orders")
