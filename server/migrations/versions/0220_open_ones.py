"""Indexes of the few orders and chain transactions that something is still to come of.

A planner that knows no more than how many values a column has read all of them for these.
"""

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
_DENIED = sa.text("payment = 'settled' AND fulfilment = 'failed' AND money_back IN ('none', 'blocked')")
_SIGNED = sa.text("state = 'signed'")
_BY_STATE = "ix_chain_transactions_network_sender_state"


def upgrade() -> None:
    """Apply."""
    op.create_index(
        "ix_chain_transactions_signed",
        "chain_transactions",
        ["network", "sender", "nonce"],
        sqlite_where=_SIGNED,
        postgresql_where=_SIGNED,
    )
    op.drop_index(_BY_STATE, table_name="chain_transactions")
    op.create_index("ix_orders_open", "orders", ["created_at"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index("ix_orders_denied", "orders", ["created_at"], sqlite_where=_DENIED, postgresql_where=_DENIED)


def downgrade() -> None:
    """Take back."""
    op.create_index(_BY_STATE, "chain_transactions", ["network", "sender", "state"])
    op.drop_index("ix_chain_transactions_signed", table_name="chain_transactions")
    for name in ("ix_orders_open", "ix_orders_denied"):
        op.drop_index(name, table_name="orders")
