"""The books: when each row was written, the rules that the database keeps, and how far they were compared."""

import sqlalchemy as sa
from alembic import op

from server.adapters import ledger_rules
from server.adapters.models import Atomic, Utc

revision = "0070"
down_revision = "0060"
branch_labels = None
depends_on = None

_WHEN = "SELECT COALESCE(paid_at, created_at) FROM orders WHERE orders.id = ledger_entries.order_id"


def upgrade() -> None:
    """Apply. Rows that are there were written about when their order was paid."""
    with op.batch_alter_table("ledger_entries") as table:
        table.add_column(sa.Column("booked_at", Utc))
    op.execute(f"UPDATE ledger_entries SET booked_at = ({_WHEN})")
    with op.batch_alter_table("ledger_entries") as table:
        table.alter_column("booked_at", existing_type=Utc(), nullable=False)
        table.create_index("ix_ledger_entries_booked_at", ["booked_at"])
        table.create_index("ix_ledger_entries_network_block", ["network", "block"])
    op.create_table(
        "wallet_cursors",
        sa.Column("network", sa.String(32), nullable=False),
        sa.Column("asset", sa.String(42), nullable=False),
        sa.Column("address", sa.String(42), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("opening", Atomic),
        sa.Column("moved", Atomic, nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("block_hash", sa.String(66), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("network", "asset", "address", name="pk_wallet_cursors"),
    )
    op.create_table(
        "row_cursors",
        sa.Column("network", sa.String(32), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("network", name="pk_row_cursors"),
    )
    ledger_rules.create(op.get_bind())


def downgrade() -> None:
    """Take back."""
    ledger_rules.drop(op.get_bind())
    op.drop_table("row_cursors")
    op.drop_table("wallet_cursors")
    with op.batch_alter_table("ledger_entries") as table:
        table.drop_index("ix_ledger_entries_network_block")
        table.drop_index("ix_ledger_entries_booked_at")
        table.drop_column("booked_at")
