"""Reconcile: compare the ledger with the chain, Transfer by Transfer, for every wallet that we control."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from server.application.paddock import Ground
from server.domain.evidence import TransferLog
from server.domain.ledger import Entry
from server.ports import Database

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that stands on one side only, or differently. `where` is `chain` or `ledger`."""

    where: str
    network: str
    transaction: str
    log_index: int
    detail: str


class Books(Protocol):
    """What is compared: a `Paddock`, or a process that has no keys at all."""

    @property
    def db(self) -> Database:
        """Where the ledger is."""

    @property
    def grounds(self) -> Mapping[str, Ground]:
        """Whose wallets, in which assets, on which chains."""


async def reconcile(books: Books) -> list[Difference]:
    """All differences between the ledger and the delegate wallet's Transfer logs; empty when they agree."""
    found: list[Difference] = []
    for ground in books.grounds.values():
        market, account = ground.market, f"delegate:{ground.market.delegate}"
        for asset in market.assets:
            logs = await ground.chain.transfers(asset.address, market.delegate)
            async with books.db.read() as view:
                rows = await view.ledger.touching(market.network, asset.address, account)
            found += compare(market.network, logs, rows)
    return found


def compare(network: str, logs: list[TransferLog], rows: list[Entry]) -> list[Difference]:
    """Matches logs and rows by block and log index, then compares amounts; what was taken back counts for nothing.

    Rows that were written before rows named their block are matched by chain transaction and log index.
    """
    on_chain = {(log.block_hash, log.log_index): log for log in logs}
    blocks = {(log.transaction, log.log_index): log.block_hash for log in logs}
    in_books: dict[Key, int] = {}
    names: dict[Key, str] = {}
    for row in rows:
        key = row.block_hash or blocks.get((row.transaction, row.log_index), row.transaction), row.log_index
        names[key] = row.transaction
        in_books[key] = in_books.get(key, 0) + (-row.amount if row.reversal else row.amount)
    found = [
        Difference(
            "chain", network, log.transaction, log.log_index, f"{log.amount} moved that the ledger does not know"
        )
        for key, log in on_chain.items()
        if not in_books.get(key)
    ]
    for key, amount in in_books.items():
        shown = on_chain[key].amount if key in on_chain else 0
        if amount and amount != shown:
            detail = f"{amount} atomic units are booked, and the chain shows {shown or 'none'}"
            found.append(Difference("ledger", network, names[key], key[1], detail))
    return found
