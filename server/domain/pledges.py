"""Pledges: which wallet a refund comes from, by which authorization, and until when that can be used."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pledge:
    """One wallet's authorization over one refund: `value` atomic units, until `valid_before` (Unix seconds).

    `refund` is what `Order.refund_name` says, and has one at a time. `signature` is the merchant's; None where the
    wallet is a refund float, which signs anew whenever the refund is sent. It can move money: never show or log it.
    """

    refund: str
    wallet: str
    value: int
    valid_before: int
    signature: bytes | None = field(default=None, repr=False)
