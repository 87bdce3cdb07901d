"""Amounts of money in answers."""

from msgspec import Struct

from protocol.amounts import display

NATIVE_DECIMALS = 18


class Amount(Struct):
    """Money: `atomic` units as a decimal string, and the same for people."""

    atomic: str
    display: str


def amount_of(atomic: int, decimals: int) -> Amount:
    """Atomic units of a token or currency with so many decimals; below zero too."""
    return Amount(str(atomic), display(atomic, decimals))
