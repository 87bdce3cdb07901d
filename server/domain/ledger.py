"""The ledger's rows: money moved from one account to another, so it balances by construction."""

from dataclasses import dataclass

from server.domain.orders import Order


@dataclass(frozen=True, slots=True)
class Entry:
    """`amount` atomic units of `asset` arrived at `debit` and left `credit`, as one Transfer log shows.

    Accounts are `role:name`: payer:0x…, merchant:id, delegate:0x…, callback:0x….
    """

    order_id: str
    kind: str
    debit: str
    credit: str
    network: str
    asset: str
    amount: int
    transaction: str
    log_index: int

    def __post_init__(self) -> None:
        if self.amount <= 0:
            raise ValueError("a ledger entry moves an amount above zero")


def payer(order: Order) -> str:
    return f"payer:{order.authorization.payer}"


def merchant(order: Order) -> str:
    return f"merchant:{order.terms.merchant}"


def delegate(order: Order) -> str:
    return f"delegate:{order.terms.pay_to}"


def callback(address: str) -> str:
    return f"callback:{address}"


def entry(order: Order, kind: str, debit: str, credit: str, transaction: str, log_index: int) -> Entry:
    """A row for the order's whole amount; `kind` is settlement, payout or refund, each at most once an order."""
    terms = order.terms
    return Entry(order.id, kind, debit, credit, terms.network, terms.asset, terms.amount, transaction, log_index)
