"""What the core knows of how an order is paid: facts, which each file of `server/payments/` gives for its own mode."""

from dataclasses import dataclass

LONGEST_NAME = 16
"""Characters that the orders' table has for a mode's name."""


@dataclass(frozen=True, slots=True)
class Mode:
    """`name` is the word in 402, orders and receipts; by all else the core decides what may and must happen.

    `held`: the delegate wallet has the money until the order has ended, and gives it back; otherwise the merchant has
    it from the start, and gives it back by its refund float or its own signature. `calls_contract`: what is bought is
    a contract call, which the payment sets off, and which takes the money from the delegate wallet; otherwise the
    service's handler alone makes the answer, and may do so before the money comes. `sold_by_transfer`: what is on sale
    can be paid by a plain transfer too.
    """

    name: str
    held: bool
    calls_contract: bool
    sold_by_transfer: bool

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= LONGEST_NAME:
            raise ValueError(f"the name of a mode has 1 to {LONGEST_NAME} characters")
        if self.calls_contract and not self.held:
            raise ValueError(f"{self.name}: only money that the delegate wallet holds can be handed to a contract")

    def __str__(self) -> str:
        return self.name
