"""Merchants' identities, the reviews that count, and how far reputation registries were read."""

import sqlalchemy as sa
from alembic import op

from server.adapters.models import Atomic, Utc

revision = "0130"
down_revision = "0120"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "merchant_identities",
        sa.Column("network", sa.String(length=32), nullable=False),
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("registry", sa.String(length=42), nullable=False),
        sa.Column("agent_id", Atomic, nullable=False),
        sa.Column("wallet", sa.String(length=42), nullable=False),
        sa.Column("uri", sa.String(length=2048), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("checked_at", Utc, nullable=False),
        sa.PrimaryKeyConstraint("network", "merchant", name=op.f("pk_merchant_identities")),
    )
    op.create_table(
        "reviews",
        sa.Column("network", sa.String(length=32), nullable=False),
        sa.Column("transaction", sa.String(length=66), nullable=False),
        sa.Column("log_index", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("reviewer", sa.String(length=42), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("weight", sa.BigInteger(), nullable=False),
        sa.Column("file_hash", sa.String(length=66), nullable=False),
        sa.Column("at", Utc, nullable=False),
        sa.Column("given_in", sa.String(length=200), nullable=True),
        sa.Column("given_block", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("network", "transaction", "log_index", name=op.f("pk_reviews")),
        sa.UniqueConstraint("network", "given_in", name=op.f("uq_reviews_network_given_in")),
    )
    op.create_index("ix_reviews_merchant_service", "reviews", ["merchant", "service"])
    op.create_table(
        "reputation_cursors",
        sa.Column("network", sa.String(length=32), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
        sa.Column("block_hash", sa.String(length=66), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("network", name=op.f("pk_reputation_cursors")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("reputation_cursors")
    op.drop_table("reviews")
    op.drop_table("merchant_identities")
