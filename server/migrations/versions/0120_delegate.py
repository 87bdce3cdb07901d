"""Payers' signatures over calldata that they chose, and the actions that they may choose, with every change."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from server.adapters.models import Atomic, Utc

revision = "0120"
down_revision = "0110"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "calldata_signatures",
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("signed_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_calldata_signatures_order_id_orders")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_calldata_signatures")),
    )
    op.create_table(
        "callback_actions",
        *_named(),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("network", "contract", "function", name=op.f("pk_callback_actions")),
    )
    op.create_table(
        "callback_changes",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        *_named(),
        sa.Column("old", sa.String(length=16), nullable=False),
        sa.Column("new", sa.String(length=16), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_callback_changes")),
    )


def _named() -> tuple[sa.Column[Any], ...]:
    """What both tables say of an action."""
    return (
        sa.Column("network", sa.String(length=32), nullable=False),
        sa.Column("contract", sa.String(length=42), nullable=False),
        sa.Column("function", sa.String(length=200), nullable=False),
        sa.Column("minimum", Atomic, nullable=False),
        sa.Column("maximum", Atomic, nullable=False),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("callback_changes")
    op.drop_table("callback_actions")
    op.drop_table("calldata_signatures")
