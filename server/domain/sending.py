"""Chain transactions of ours, from signature to outcome."""

from dataclasses import astuple, dataclass, field
from datetime import datetime
from enum import StrEnum


class TransactionState(StrEnum):
    SIGNED = "signed"
    """Stored, and broadcast at least once unless the process died in between; the same bytes may be sent again."""
    SUCCEEDED = "succeeded"
    REVERTED = "reverted"
    LOST = "lost"
    """Its nonce was used, in a final block, by something else than we signed."""


@dataclass(frozen=True, slots=True)
class Fees:
    """EIP-1559 fees in wei."""

    max_fee: int
    priority: int

    def raised(self, wanted: "Fees") -> "Fees":
        """Enough to replace a transaction that offers these: what is wanted now, and an eighth more at least."""
        return Fees(*(max(new, old + old // 8 + 1) for old, new in zip(astuple(self), astuple(wanted), strict=True)))


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """`hash` 0x-hex; `raw` the bytes to broadcast."""

    hash: str
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One signed form of a chain transaction; a later one has the same nonce and call, and offers more."""

    hash: str
    raw: bytes = field(repr=False)
    fees: Fees
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class ChainTransaction:
    """One use of one nonce. `hash` is its first attempt's, and names it; `attempts` are in the order of signing.

    `purpose` and `subject` say what it is for: ("callback", order id), ("release", order id),
    ("refund", order id), ("give back", order id), ("settle", "").
    """

    hash: str
    network: str
    sender: str
    nonce: int
    purpose: str
    subject: str
    attempts: tuple[Attempt, ...]
    state: TransactionState = TransactionState.SIGNED
    mined_hash: str | None = None
    block: int | None = None
    block_hash: str | None = None

    @property
    def newest(self) -> Attempt:
        """The one that offers most."""
        return self.attempts[-1]


@dataclass(frozen=True, slots=True)
class Sender:
    """A key that signed chain transactions of ours, when first and when last; `purpose` is what the last was for."""

    network: str
    address: str
    purpose: str
    first: datetime
    last: datetime
