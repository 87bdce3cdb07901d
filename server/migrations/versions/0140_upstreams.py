"""Providers' own endpoints that the gateway sells, and the audits of their changes and of merchants' own."""

import sqlalchemy as sa
from alembic import op

from server.adapters.models import Utc

revision = "0140"
down_revision = "0130"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    _upstreams()
    _changes()


def _upstreams() -> None:
    op.create_table(
        "upstreams",
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("method", sa.String(length=4), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("unit", sa.String(length=64), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("arguments", sa.LargeBinary(), nullable=False),
        sa.Column("example", sa.LargeBinary(), nullable=False),
        sa.Column("answers", sa.LargeBinary(), nullable=False),
        sa.Column("media_type", sa.String(length=64), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("settles_first", sa.Boolean(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("quote_seconds", sa.Integer(), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("old_secret", sa.String(length=64), nullable=False),
        sa.Column("old_secret_until", Utc, nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", Utc, nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_upstreams")),
    )
    op.create_index(op.f("ix_upstreams_merchant"), "upstreams", ["merchant"])


def _changes() -> None:
    op.create_table(
        "upstream_changes",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("old", sa.String(length=16), nullable=False),
        sa.Column("new", sa.String(length=16), nullable=False),
        sa.Column("at", Utc, nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["slug"], ["upstreams.slug"], name=op.f("fk_upstream_changes_slug")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upstream_changes")),
    )
    op.create_index(op.f("ix_upstream_changes_slug"), "upstream_changes", ["slug"])
    op.create_table(
        "merchant_changes",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("old", sa.String(length=42), nullable=False),
        sa.Column("new", sa.String(length=42), nullable=False),
        sa.Column("at", Utc, nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merchant_changes")),
    )
    op.create_index(op.f("ix_merchant_changes_merchant"), "merchant_changes", ["merchant"])


def downgrade() -> None:
    """Take back."""
    op.drop_table("merchant_changes")
    op.drop_table("upstream_changes")
    op.drop_table("upstreams")
