"""The key that a merchant had before the present one, and a look for late money that older orders may still get."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from server.adapters.models import Utc

revision = "0080"
down_revision = "0070"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("merchants", sa.Column("former_digest", sa.LargeBinary(length=32)))
    op.add_column("merchants", sa.Column("former_until", Utc))
    late_money()


def downgrade() -> None:
    """Take back the columns; what was asked for stays asked for, and is harmless."""
    op.drop_column("merchants", "former_until")
    op.drop_column("merchants", "former_digest")


def late_money() -> None:
    """Orders that ended unpaid before anybody watched for late money: as long as their authorization can be used."""
    connection = op.get_bind()
    now = sa.bindparam("now", datetime.now(UTC), Utc)
    lasting = (
        "SELECT id FROM orders WHERE payment IN ('failed', 'expired', 'cancelled') AND final_at IS NULL"
        " AND valid_before > :now AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.id = 'follow:' || orders.id)"
    )
    asked = (
        "INSERT INTO outbox (id, topic, subject, generation, attempts, due, done)"
        " VALUES (:job, 'follow', :subject, 1, 0, :now, 0)"
    )
    for order_id in connection.execute(sa.text(lasting).bindparams(now)).scalars().all():
        connection.execute(sa.text(asked).bindparams(now, job=f"follow:{order_id}", subject=order_id))
