"""Indexes for what each purchase and each look at a key ask, which read all rows before."""

from alembic import op

revision = "0200"
down_revision = "0190"
branch_labels = None
depends_on = None
_INDEXES = (
    ("ledger_entries", ("network", "block_hash", "log_index", "reversal")),
    ("chain_transactions", ("network", "sender", "block")),
)


def upgrade() -> None:
    """Apply."""
    for table, columns in _INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def downgrade() -> None:
    """Take back."""
    for table, columns in _INDEXES:
        op.drop_index(f"ix_{table}_{'_'.join(columns)}", table_name=table)
