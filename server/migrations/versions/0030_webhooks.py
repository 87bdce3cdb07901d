"""Webhooks: endpoints, announcements, deliveries."""

import sqlalchemy as sa
from alembic import op

from server.adapters.models import Utc

revision = "0030"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    announcements()
    endpoints()
    deliveries()


def downgrade() -> None:
    """Take back."""
    for table in ("webhook_deliveries", "webhook_endpoints", "webhook_announcements"):
        op.drop_table(table)


def announcements() -> None:
    op.create_table(
        "webhook_announcements",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("created_at", Utc, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_announcements")),
        sa.UniqueConstraint("order_id", "sequence", name=op.f("uq_webhook_announcements_order_id_sequence")),
    )


def endpoints() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=False),
        sa.Column("created_at", Utc, nullable=False),
        sa.Column("secret", sa.String(length=40), nullable=False),
        sa.Column("old_secret", sa.String(length=40), nullable=True),
        sa.Column("old_secret_until", Utc, nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("removed_at", Utc, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("quiet_until", Utc, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["merchant"], ["merchants.id"], name=op.f("fk_webhook_endpoints_merchant")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_index(op.f("ix_webhook_endpoints_merchant"), "webhook_endpoints", ["merchant"])


def deliveries() -> None:
    name = "webhook_deliveries"
    op.create_table(
        name,
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("endpoint_id", sa.String(length=32), nullable=False),
        sa.Column("announcement_id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("since", Utc, nullable=False),
        sa.Column("due", Utc, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("attempted_at", Utc, nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("latency_ms", sa.Integer(), nullable=True),
        sa.Column("excerpt", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["announcement_id"], ["webhook_announcements.id"], name=op.f(f"fk_{name}_announcement_id")
        ),
        sa.ForeignKeyConstraint(["endpoint_id"], ["webhook_endpoints.id"], name=op.f(f"fk_{name}_endpoint_id")),
        sa.PrimaryKeyConstraint("number", name=op.f(f"pk_{name}")),
        sa.UniqueConstraint(
            "endpoint_id", "order_id", "sequence", name=op.f(f"uq_{name}_endpoint_id_order_id_sequence")
        ),
        sa.UniqueConstraint("id", name=op.f(f"uq_{name}_id")),
    )
    op.create_index(op.f(f"ix_{name}_endpoint_id_number"), name, ["endpoint_id", "number"])
    op.create_index(op.f(f"ix_{name}_state"), name, ["state"])
