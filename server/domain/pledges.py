"""Pledges: which wallet an order's money goes back from, by which authorization, and until when that can be used."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pledge:
    """One wallet's authorization over one order's refund: at most `value` atomic units, until `valid_before` (Unix).

    An order has one at a time. `signature` is the merchant's; None where the wallet is a refund float, which signs anew
    whenever the refund is sent. It can move money: never show or log it.
    """

    order_id: str
    wallet: str
    value: int
    valid_before: int
    signature: bytes | None = field(default=None, repr=False)
