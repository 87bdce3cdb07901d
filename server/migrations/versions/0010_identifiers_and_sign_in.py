"""Payment identifiers, and sign-ins of wallets that paid."""

import sqlalchemy as sa
from alembic import op

from server.adapters.models import Utc

revision = "0010"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "payment_identifiers",
        sa.Column("payer", sa.String(length=42), nullable=False),
        sa.Column("intent", sa.LargeBinary(length=32), nullable=False),
        sa.Column("identifier", sa.String(length=128), nullable=False),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_payment_identifiers_order_id")),
        sa.PrimaryKeyConstraint("payer", "intent", "identifier", name=op.f("pk_payment_identifiers")),
    )
    op.create_table(
        "sign_in_nonces",
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("until", Utc, nullable=False),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_sign_in_nonces")),
    )
    op.create_index(op.f("ix_sign_in_nonces_until"), "sign_in_nonces", ["until"])
    op.create_index(op.f("ix_orders_payer_intent"), "orders", ["payer", "intent"])


def downgrade() -> None:
    """Take back."""
    op.drop_index(op.f("ix_orders_payer_intent"), table_name="orders")
    op.drop_table("sign_in_nonces")
    op.drop_table("payment_identifiers")
