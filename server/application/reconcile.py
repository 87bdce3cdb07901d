"""Reconcile: compare the ledger with the chain, Transfer by Transfer, for every wallet that we control."""

from dataclasses import dataclass
from typing import Protocol

from server.domain.evidence import TransferLog
from server.domain.ledger import Entry
from server.domain.market import Market
from server.ports import Chain, Database


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that stands on one side only, or differently. `where` is `chain` or `ledger`."""

    where: str
    transaction: str
    log_index: int
    detail: str


class Books(Protocol):
    """What is compared: a `Paddock`, or a process that has no keys at all."""

    @property
    def db(self) -> Database:
        """Where the ledger is."""

    @property
    def chain(self) -> Chain:
        """Where the Transfers are."""

    @property
    def market(self) -> Market:
        """Whose wallet and which asset."""


async def reconcile(books: Books) -> list[Difference]:
    """All differences between the ledger and the Transfer logs of the delegate wallet; empty when they agree."""
    market = books.market
    logs = await books.chain.transfers(market.asset.address, market.delegate)
    async with books.db.read() as view:
        rows = await view.ledger.touching(market.network, market.asset.address, f"delegate:{market.delegate}")
    return compare(logs, rows)


def compare(logs: list[TransferLog], rows: list[Entry]) -> list[Difference]:
    """Matches logs and rows by transaction and log index, then compares amounts."""
    on_chain = {(log.transaction, log.log_index): log.amount for log in logs}
    in_books = {(row.transaction, row.log_index): row.amount for row in rows}
    found = [
        Difference("chain", *key, f"{amount} atomic units moved that the ledger does not know")
        for key, amount in on_chain.items()
        if key not in in_books
    ]
    found += [
        Difference("ledger", *key, f"{amount} atomic units are booked, and the chain shows {on_chain.get(key, 'none')}")
        for key, amount in in_books.items()
        if on_chain.get(key) != amount
    ]
    return found
