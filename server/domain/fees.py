"""Fees for orders: rows of a ledger of their own, over what merchants have paid in beforehand."""

from dataclasses import dataclass
from enum import StrEnum

from protocol.amounts import display
from server.domain.market import PRICE_DECIMALS

INCOME, OUTSIDE = "income:fees", "outside"


class FeeKind(StrEnum):
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    FEE = "fee"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class FeeEntry:
    """`amount` millionths of a dollar arrived at `debit` and left `credit`; an order has one row of a kind at most."""

    merchant: str
    kind: FeeKind
    debit: str
    credit: str
    amount: int
    order_id: str | None = None

    def __post_init__(self) -> None:
        if self.amount <= 0:
            raise ValueError("a row moves an amount above zero")


def balance_of(merchant: str) -> str:
    """The account of what a merchant has paid in and not used."""
    return f"prepaid:{merchant}"


def deposit(merchant: str, amount: int) -> FeeEntry:
    return FeeEntry(merchant, FeeKind.DEPOSIT, balance_of(merchant), OUTSIDE, amount)


def withdrawal(merchant: str, amount: int) -> FeeEntry:
    return FeeEntry(merchant, FeeKind.WITHDRAWAL, OUTSIDE, balance_of(merchant), amount)


def fee(merchant: str, amount: int, order_id: str) -> FeeEntry:
    return FeeEntry(merchant, FeeKind.FEE, INCOME, balance_of(merchant), amount, order_id)


def returned(taken: FeeEntry) -> FeeEntry:
    """The row that gives an order's fee back."""
    return FeeEntry(taken.merchant, FeeKind.RETURNED, taken.credit, taken.debit, taken.amount, taken.order_id)


def dollars(amount: int) -> str:
    """Millionths for people: 1250000 is "$1.25"."""
    return f"${display(amount, PRICE_DECIMALS)}"
