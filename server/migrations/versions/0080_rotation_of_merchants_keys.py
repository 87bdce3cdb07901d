"""The key that a merchant had before the present one, and until when it still counts."""

import sqlalchemy as sa
from alembic import op

from server.adapters.models import Utc

revision = "0080"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("merchants", sa.Column("former_digest", sa.LargeBinary(length=32)))
    op.add_column("merchants", sa.Column("former_until", Utc))


def downgrade() -> None:
    """Take back."""
    op.drop_column("merchants", "former_until")
    op.drop_column("merchants", "former_digest")
