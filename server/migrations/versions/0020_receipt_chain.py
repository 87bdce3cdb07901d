"""Receipt chains and their anchors; receipts of orders that are final already wait for their turn."""

import sqlalchemy as sa
from alembic import op

from server.adapters.models import Utc

revision = "0020"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    receipt_queue()
    receipt_chain()
    anchors()
    op.execute(
        "INSERT INTO receipt_queue (order_id, merchant, released_at) "
        "SELECT orders.id, orders.merchant, orders.released_at FROM orders "
        "JOIN receipts ON receipts.order_id = orders.id "
        "WHERE orders.final_at IS NOT NULL AND orders.released_at IS NOT NULL"
    )
    op.execute(
        "INSERT INTO outbox (id, topic, subject, generation, attempts, due, done) "
        "SELECT 'chain_receipts:' || merchant, 'chain_receipts', merchant, 1, 0, MIN(released_at), 0 "
        "FROM receipt_queue GROUP BY merchant"
    )


def downgrade() -> None:
    """Take back."""
    op.execute("DELETE FROM outbox WHERE topic IN ('chain_receipts', 'anchor')")
    for table in ("anchors", "receipt_chain", "receipt_queue"):
        op.drop_table(table)


def receipt_queue() -> None:
    op.create_table(
        "receipt_queue",
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("released_at", Utc, nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_receipt_queue_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_receipt_queue")),
    )
    op.create_index(op.f("ix_receipt_queue_merchant_released_at"), "receipt_queue", ["merchant", "released_at"])


def receipt_chain() -> None:
    op.create_table(
        "receipt_chain",
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("previous", sa.LargeBinary(length=32), nullable=False),
        sa.Column("content", sa.LargeBinary(length=32), nullable=False),
        sa.Column("link", sa.LargeBinary(length=32), nullable=False),
        sa.Column("appended_at", Utc, nullable=False),
        sa.Column("revocation", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_receipt_chain_order_id")),
        sa.PrimaryKeyConstraint("merchant", "index", name=op.f("pk_receipt_chain")),
        sa.UniqueConstraint("order_id", "kind", name=op.f("uq_receipt_chain_order_id_kind")),
    )


def anchors() -> None:
    op.create_table(
        "anchors",
        sa.Column("network", sa.String(length=32), nullable=False),
        sa.Column("contract", sa.String(length=42), nullable=False),
        sa.Column("publisher", sa.String(length=42), nullable=False),
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("batch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("head", sa.LargeBinary(length=32), nullable=False),
        sa.Column("transaction", sa.String(length=66), nullable=False),
        sa.Column("block", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("network", "contract", "publisher", "merchant", "batch", name=op.f("pk_anchors")),
    )
    op.create_index(op.f("ix_anchors_merchant_last"), "anchors", ["merchant", "last"])
