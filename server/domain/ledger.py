"""The ledger's rows: money moved from one account to another, so it balances by construction."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from server.domain.evidence import TransferLog
from server.domain.orders import Order


@dataclass(frozen=True, slots=True)
class Entry:
    """`amount` atomic units of `asset` arrived at `debit` and left `credit`, as one Transfer log shows.

    Accounts are `role:name`: payer:0x…, merchant:id, delegate:0x…, executor:0x…, callback:0x…,
    float:id. A log is named by its
    block's hash and its index there. A `reversal` takes back the row of the same log and `round`, which tells the rows
    of one kind of one order apart.
    """

    order_id: str
    kind: str
    debit: str
    credit: str
    network: str
    asset: str
    amount: int
    transaction: str
    block: int
    block_hash: str
    log_index: int
    round: int = 0
    reversal: bool = False

    def __post_init__(self) -> None:
        if self.amount <= 0:
            raise ValueError("a ledger entry moves an amount above zero")


def payer(order: Order) -> str:
    return payer_at(order.authorization.payer)


def payer_at(address: str) -> str:
    """The account of an address that paid, or that a payer took money back to."""
    return f"payer:{address}"


def merchant(order: Order) -> str:
    return f"merchant:{order.terms.merchant}"


def delegate(order: Order) -> str:
    return f"delegate:{order.terms.pay_to}"


def executor(order: Order) -> str:
    """Through which an atomic payment goes; it never keeps any of it."""
    return f"executor:{order.terms.pay_to}"


def callback(address: str) -> str:
    return f"callback:{address}"


def refund_float(order: Order) -> str:
    """The wallet from which a merchant's DIRECT payments are refunded."""
    return f"float:{order.terms.merchant}"


def entry(order: Order, kind: str, debit: str, credit: str, transfer: TransferLog) -> Entry:
    """A row for what one Transfer moved; `kind` is settlement, payout or refund, each at most once a round."""
    return Entry(
        order.id,
        kind,
        debit,
        credit,
        order.terms.network,
        transfer.asset,
        transfer.amount,
        transfer.transaction,
        transfer.block,
        transfer.block_hash,
        transfer.log_index,
        order.round,
    )


def numbered(row: Entry, rows: Iterable[Entry]) -> Entry:
    """A row beside others of its kind: an order by transfer has one for each Transfer, and `round` counts them."""
    return replace(row, round=1 + max((one.round for one in rows if one.kind == row.kind), default=-1))


def reversed_entry(row: Entry) -> Entry:
    """The row that takes another one back, because its log is not on the chain any more."""
    return replace(row, debit=row.credit, credit=row.debit, reversal=True)


def standing(rows: Iterable[Entry]) -> list[Entry]:
    """The rows of one order that were not taken back."""
    rows = list(rows)
    undone = {(row.kind, row.round) for row in rows if row.reversal}
    return [row for row in rows if not row.reversal and (row.kind, row.round) not in undone]
