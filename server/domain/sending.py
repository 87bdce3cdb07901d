"""Chain transactions of ours, from signature to outcome."""

from dataclasses import dataclass, field
from enum import StrEnum


class TransactionState(StrEnum):
    SIGNED = "signed"
    """Stored, and broadcast at least once unless the process died in between; the same bytes may be sent again."""
    SUCCEEDED = "succeeded"
    REVERTED = "reverted"


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """`hash` 0x-hex; `raw` the bytes to broadcast."""

    hash: str
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChainTransaction:
    """`purpose` and `subject` say what it is for: ("callback", order id), ("refund", order id), ("settle", "")."""

    hash: str
    network: str
    sender: str
    nonce: int
    purpose: str
    subject: str
    raw: bytes = field(repr=False)
    state: TransactionState = TransactionState.SIGNED
    block: int | None = None
