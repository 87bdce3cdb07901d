"""Comparing books and chain: how far it got, and what is wrong between rows and a Transfer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from server.domain.evidence import TransferLog
from server.domain.ledger import Entry


@dataclass(frozen=True, slots=True)
class Booked:
    """A row of the ledger with its number, which grows over all orders, and when it was written."""

    sequence: int
    at: datetime
    entry: Entry


@dataclass(frozen=True, slots=True)
class WalletCursor:
    """How far a wallet's Transfers of an asset were compared with the ledger: up to `block`, which was final.

    It began after block `first`, when the wallet held `opening` (None until that is known); since then `moved` came
    in, less what went out. Amounts in atomic units; `moved` may be below zero.
    """

    network: str
    asset: str
    address: str
    first: int
    block: int
    block_hash: str
    opening: int | None = None
    moved: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class Parties:
    """The addresses that a row's accounts stand for; None where nobody knows."""

    sender: str | None
    recipient: str | None


def signed(log: TransferLog, address: str) -> int:
    """What a Transfer brought to an address, below zero for what it took."""
    return (log.amount if log.recipient == address else 0) - (log.amount if log.sender == address else 0)


def booked(rows: Iterable[Entry], account: str) -> int:
    """What rows brought to an account, below zero for what they took; a reversal takes its row's share back."""
    return sum(
        (row.amount if row.debit == account else 0) - (row.amount if row.credit == account else 0) for row in rows
    )


def unbooked(logs: Sequence[TransferLog], rows: Iterable[Entry]) -> list[TransferLog]:
    """The logs that no standing row is for, by block and log index.

    Rows that were written before rows named their block are matched by chain transaction and log index.
    """
    blocks = {(log.transaction, log.log_index): log.block_hash for log in logs}
    count: dict[tuple[str, int], int] = {}
    for row in rows:
        key = row.block_hash or blocks.get((row.transaction, row.log_index), ""), row.log_index
        count[key] = count.get(key, 0) + (-1 if row.reversal else 1)
    return [log for log in logs if count.get((log.block_hash, log.log_index), 0) <= 0]


def standing_for(rows: Sequence[Entry]) -> list[Entry]:
    """The rows of one Transfer, of whichever orders, that were not taken back."""
    undone = {(row.order_id, row.kind, row.round) for row in rows if row.reversal}
    return [row for row in rows if not row.reversal and (row.order_id, row.kind, row.round) not in undone]


def unknown(log: TransferLog) -> str:
    """What is said of a Transfer that the ledger has no row for."""
    return f"{log.amount} moved that the ledger does not know"


def misbooked(row: Entry, log: TransferLog | None, parties: Parties) -> str | None:
    """What is wrong with a standing row, by the log that the chain shows in its place; None if they agree."""
    if log is None or log.block_hash != row.block_hash:
        return f"{row.amount} atomic units are booked, and the chain shows none"
    if (log.asset, log.amount) != (row.asset, row.amount):
        return f"{row.amount} atomic units of {row.asset} are booked, and the chain shows {log.amount} of {log.asset}"
    for known, shown, verb in ((parties.sender, log.sender, "sent"), (parties.recipient, log.recipient, "received")):
        if known is not None and known.lower() != shown.lower():
            return f"{row.amount} atomic units are booked as {verb} by {known}, and the chain shows {shown}"
    return None
