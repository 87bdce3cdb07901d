"""The first tables."""

import sqlalchemy as sa
from alembic import op

from server.adapters.models import Atomic, Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


TABLES = (
    "chain_transactions",
    "merchants",
    "orders",
    "outbox",
    "sending_keys",
    "settlements",
    "deliveries",
    "ledger_entries",
    "order_events",
    "proofs",
    "receipts",
)


def upgrade() -> None:
    """Apply."""
    chain_transactions()
    merchants()
    orders()
    outbox()
    sending_keys()
    settlements()
    deliveries()
    ledger_entries()
    order_events()
    proofs()
    receipts()


def downgrade() -> None:
    """Take back."""
    for table in reversed(TABLES):
        op.drop_table(table)


def chain_transactions() -> None:
    op.create_table(
        "chain_transactions",
        sa.Column("hash", sa.String(length=66), nullable=False),
        sa.Column("network", sa.String(length=32), nullable=False),
        sa.Column("sender", sa.String(length=42), nullable=False),
        sa.Column("nonce", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("block", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_chain_transactions")),
        sa.UniqueConstraint("network", "sender", "nonce", name=op.f("uq_chain_transactions_network_sender_nonce")),
    )
    op.create_index(
        op.f("ix_chain_transactions_purpose_subject"), "chain_transactions", ["purpose", "subject"], unique=False
    )


def merchants() -> None:
    op.create_table(
        "merchants",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("pay_to", sa.String(length=42), nullable=False),
        sa.Column("key_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", Utc, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merchants")),
    )


def orders() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("merchant", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("network", sa.String(length=32), nullable=False),
        sa.Column("asset", sa.String(length=42), nullable=False),
        sa.Column("amount", Atomic, nullable=False),
        sa.Column("pay_to", sa.String(length=42), nullable=False),
        sa.Column("resource_url", sa.Text(), nullable=False),
        sa.Column("intent", sa.LargeBinary(length=32), nullable=False),
        sa.Column("quoted_at", Utc, nullable=False),
        sa.Column("expires_at", Utc, nullable=False),
        sa.Column("payer", sa.String(length=42), nullable=False),
        sa.Column("nonce", sa.LargeBinary(length=32), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("valid_before", Utc, nullable=False),
        sa.Column("x402_version", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("arguments", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Utc, nullable=False),
        sa.Column("since_block", sa.Integer(), nullable=False),
        sa.Column("payment", sa.String(length=16), nullable=False),
        sa.Column("fulfilment", sa.String(length=16), nullable=False),
        sa.Column("money_back", sa.String(length=16), nullable=False),
        sa.Column("lease_until", Utc, nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("settlement_tx", sa.String(length=66), nullable=True),
        sa.Column("settlement_block", sa.Integer(), nullable=True),
        sa.Column("callback_tx", sa.String(length=66), nullable=True),
        sa.Column("refund_tx", sa.String(length=66), nullable=True),
        sa.Column("paid_at", Utc, nullable=True),
        sa.Column("released_at", Utc, nullable=True),
        sa.Column("final_at", Utc, nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("network", "asset", "payer", "nonce", name=op.f("uq_orders_network_asset_payer_nonce")),
    )
    op.create_index(op.f("ix_orders_created_at"), "orders", ["created_at"], unique=False)
    op.create_index(op.f("ix_orders_money_back"), "orders", ["money_back"], unique=False)
    op.create_index(
        op.f("ix_orders_payment_fulfilment_lease_until"),
        "orders",
        ["payment", "fulfilment", "lease_until"],
        unique=False,
    )


def outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=140), nullable=False),
        sa.Column("topic", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due", Utc, nullable=False),
        sa.Column("lease_until", Utc, nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index(op.f("ix_outbox_done_due"), "outbox", ["done", "due"], unique=False)


def sending_keys() -> None:
    op.create_table(
        "sending_keys",
        sa.Column("network", sa.String(length=32), nullable=False),
        sa.Column("address", sa.String(length=42), nullable=False),
        sa.Column("next_nonce", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("network", "address", name=op.f("pk_sending_keys")),
    )


def settlements() -> None:
    op.create_table(
        "settlements",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("lease_until", Utc, nullable=False),
        sa.Column("since_block", sa.Integer(), nullable=False),
        sa.Column("transaction", sa.String(length=66), nullable=True),
        sa.Column("reason", sa.String(length=100), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlements")),
    )
    op.create_index(op.f("ix_settlements_state_lease_until"), "settlements", ["state", "lease_until"], unique=False)
    op.create_index(op.f("ix_settlements_transaction"), "settlements", ["transaction"], unique=False)


def deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("content_type", sa.String(length=200), nullable=False),
        sa.Column("created_at", Utc, nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_deliveries_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_deliveries")),
    )


def ledger_entries() -> None:
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("debit", sa.String(length=80), nullable=False),
        sa.Column("credit", sa.String(length=80), nullable=False),
        sa.Column("network", sa.String(length=32), nullable=False),
        sa.Column("asset", sa.String(length=42), nullable=False),
        sa.Column("amount", Atomic, nullable=False),
        sa.Column("transaction", sa.String(length=66), nullable=False),
        sa.Column("log_index", sa.Integer(), nullable=False),
        sa.CheckConstraint("CAST(amount AS TEXT) <> '0'", name=op.f("ck_ledger_entries_not_zero")),
        sa.CheckConstraint("CAST(amount AS TEXT) NOT LIKE '-%'", name=op.f("ck_ledger_entries_not_negative")),
        sa.CheckConstraint("debit <> credit", name=op.f("ck_ledger_entries_two_accounts")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_ledger_entries_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint(
            "network", "transaction", "log_index", name=op.f("uq_ledger_entries_network_transaction_log_index")
        ),
        sa.UniqueConstraint("order_id", "kind", name=op.f("uq_ledger_entries_order_id_kind")),
    )


def order_events() -> None:
    op.create_table(
        "order_events",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("at", Utc, nullable=False),
        sa.Column("what", sa.String(length=32), nullable=False),
        sa.Column("old", sa.Text(), nullable=False),
        sa.Column("new", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_events_order_id")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_order_events")),
    )
    op.create_index(op.f("ix_order_events_order_id"), "order_events", ["order_id"], unique=False)


def proofs() -> None:
    op.create_table(
        "proofs",
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", Utc, nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_proofs_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_proofs")),
    )


def receipts() -> None:
    op.create_table(
        "receipts",
        sa.Column("order_id", sa.String(length=64), nullable=False),
        sa.Column("receipt", sa.LargeBinary(), nullable=False),
        sa.Column("standard", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_receipts_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_receipts")),
    )
