"""Members of merchants' consoles with their audit, open sessions, and an index for one merchant's orders."""

import sqlalchemy as sa
from alembic import op

from server.adapters.models import Utc

revision = "0170"
down_revision = "0160"
branch_labels = None
depends_on = None

BY_MERCHANT = "ix_orders_merchant_created_at_id"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "merchant_members",
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("wallet", sa.String(length=42), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("at", Utc, nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["merchant"], ["merchants.id"], name=op.f("fk_merchant_members_merchant")),
        sa.PrimaryKeyConstraint("merchant", "wallet", name=op.f("pk_merchant_members")),
    )
    op.create_index(op.f("ix_merchant_members_wallet"), "merchant_members", ["wallet"])
    op.create_table(
        "member_changes",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("wallet", sa.String(length=42), nullable=False),
        sa.Column("old", sa.String(length=16), nullable=False),
        sa.Column("new", sa.String(length=16), nullable=False),
        sa.Column("at", Utc, nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member_changes")),
    )
    op.create_index(op.f("ix_member_changes_merchant"), "member_changes", ["merchant"])
    op.create_table(
        "console_sessions",
        sa.Column("secret", sa.LargeBinary(length=32), nullable=False),
        sa.Column("until", Utc, nullable=False),
        sa.Column("wallet", sa.String(length=42), nullable=False),
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("token", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("secret", name=op.f("pk_console_sessions")),
    )
    op.create_index(op.f("ix_console_sessions_until"), "console_sessions", ["until"])
    op.create_index(BY_MERCHANT, "orders", ["merchant", "created_at", "id"])


def downgrade() -> None:
    """Take back."""
    op.drop_index(BY_MERCHANT, "orders")
    for name in ("console_sessions", "member_changes", "merchant_members"):
        op.drop_table(name)
