"""The rules that the database keeps of merchants' fees."""

from alembic import op

from server.adapters import fee_rules

revision = "0150"
down_revision = "0140"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    fee_rules.create(op.get_bind())


def downgrade() -> None:
    """Take back."""
    fee_rules.drop(op.get_bind())
