"""Several networks and ways to pay, dearer attempts of a chain transaction, and ledger rows that are taken back."""

import json
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from server.adapters.models import Atomic, Utc

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply; rows that are there keep their meaning."""
    orders()
    ledger()
    transactions()
    settlements()


def downgrade() -> None:
    """There is no way back: one network and one attempt cannot hold what was written since."""
    raise CommandError("restore the backup that was made before the upgrade")


def orders() -> None:
    with op.batch_alter_table("orders") as table:
        table.add_column(sa.Column("scheme", sa.String(16), nullable=False, server_default="exact"))
        table.add_column(sa.Column("method", sa.String(16), nullable=False, server_default="eip3009"))
        table.add_column(sa.Column("authority", sa.String(42)))
        table.add_column(sa.Column("charged", Atomic))
        table.add_column(sa.Column("round", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE orders SET authority = asset")
    with op.batch_alter_table("orders") as table:
        table.alter_column("authority", existing_type=sa.String(42), nullable=False)
        table.drop_constraint("uq_orders_network_asset_payer_nonce", type_="unique")
        table.create_unique_constraint(
            "uq_orders_network_authority_payer_nonce", ["network", "authority", "payer", "nonce"]
        )


def ledger() -> None:
    """Old rows name no block: an empty hash says that nobody looks for it again."""
    with op.batch_alter_table("ledger_entries") as table:
        table.add_column(sa.Column("block", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("block_hash", sa.String(66), nullable=False, server_default=""))
        table.add_column(sa.Column("round", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("reversal", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.drop_constraint("uq_ledger_entries_order_id_kind", type_="unique")
        table.drop_constraint("uq_ledger_entries_network_transaction_log_index", type_="unique")
        table.create_unique_constraint(
            "uq_ledger_entries_order_id_kind_round_reversal", ["order_id", "kind", "round", "reversal"]
        )
        log = ["network", "transaction", "block_hash", "log_index", "round", "reversal"]
        table.create_unique_constraint("uq_ledger_entries_log", log)


def transactions() -> None:
    """Each signed transaction becomes the first attempt of itself."""
    op.create_table(
        "chain_attempts",
        sa.Column("hash", sa.String(66), nullable=False),
        sa.Column("transaction", sa.String(66), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("max_fee", sa.BigInteger(), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("signed_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_chain_attempts"),
        sa.ForeignKeyConstraint(["transaction"], ["chain_transactions.hash"], name="fk_chain_attempts_transaction"),
    )
    op.create_index("ix_chain_attempts_transaction", "chain_attempts", ["transaction"])
    names = ("hash", "transaction", "raw", "max_fee", "priority")
    attempts = sa.table("chain_attempts", *map(sa.column, names), sa.column("signed_at", Utc))
    connection = op.get_bind()
    now = datetime.now(UTC)
    for row in connection.execute(sa.text("SELECT hash, raw FROM chain_transactions")).all():
        fields = TypedTransaction.from_bytes(HexBytes(row.raw)).as_dict()
        fees = {"max_fee": fields["maxFeePerGas"], "priority": fields["maxPriorityFeePerGas"]}
        values = {"hash": row.hash, "transaction": row.hash, "raw": row.raw, "signed_at": now}
        connection.execute(attempts.insert().values(**values, **fees))
    with op.batch_alter_table("chain_transactions") as table:
        table.drop_column("raw")
        table.add_column(sa.Column("mined_hash", sa.String(66)))
        table.add_column(sa.Column("block_hash", sa.String(66)))
    op.execute("UPDATE chain_transactions SET mined_hash = hash WHERE state <> 'signed'")
    op.create_index("ix_chain_transactions_network_sender_state", "chain_transactions", ["network", "sender", "state"])


def settlements() -> None:
    """What an index and a sum need of a payment stands in columns of its own."""
    with op.batch_alter_table("settlements") as table:
        table.add_column(sa.Column("network", sa.String(32)))
        table.add_column(sa.Column("payer", sa.String(42)))
        table.add_column(sa.Column("amount", Atomic))
        table.add_column(sa.Column("sent_in", sa.String(66)))
        table.drop_index("ix_settlements_transaction")
    connection = op.get_bind()
    for row in connection.execute(sa.text("SELECT id, request FROM settlements")).all():
        request = json.loads(row.request)
        terms, payload = request["paymentRequirements"], request["paymentPayload"]["payload"]
        values = {
            "id": row.id,
            "network": terms["network"],
            "payer": payload["authorization"]["from"],
            "amount": str(terms["amount"]),
        }
        change = "UPDATE settlements SET network = :network, payer = :payer, amount = {amount} WHERE id = :id"
        number = "CAST(:amount AS NUMERIC)" if connection.dialect.name == "postgresql" else ":amount"
        connection.execute(sa.text(change.format(amount=number)), values)
    op.execute('UPDATE settlements SET sent_in = "transaction"')
    with op.batch_alter_table("settlements") as table:
        for name, kind in (("network", sa.String(32)), ("payer", sa.String(42)), ("amount", Atomic())):
            table.alter_column(name, existing_type=kind, nullable=False)
        table.create_index("ix_settlements_sent_in", ["sent_in"])
