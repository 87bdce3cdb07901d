"""Reconcile: compare the ledger with the chain, Transfer by Transfer, for every wallet that we control."""

from dataclasses import dataclass

from server.application.paddock import Paddock
from server.domain.evidence import TransferLog
from server.domain.ledger import Entry


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that stands on one side only, or differently. `where` is `chain` or `ledger`."""

    where: str
    transaction: str
    log_index: int
    detail: str


async def reconcile(paddock: Paddock) -> list[Difference]:
    """All differences between the ledger and the Transfer logs of the delegate wallet; empty when they agree."""
    market = paddock.market
    logs = await paddock.chain.transfers(market.asset.address, market.delegate)
    async with paddock.db.read() as view:
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
