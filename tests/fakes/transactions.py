"""The fake database's chain transactions: the same guarantees as the adapter's, on dictionaries."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from server.domain.errors import DuplicateClaim
from server.domain.evidence import Mined
from server.domain.sending import Attempt, ChainTransaction, Sender, TransactionState
from tests.fakes.tables import Tables

MINED = (TransactionState.SUCCEEDED, TransactionState.REVERTED)


@dataclass(frozen=True)
class FakeTransactions:
    """Implements ports.Transactions."""

    tables: Tables

    async def allot(self, network: str, sender: str, at_least: int) -> int:
        nonce = max(self.tables.next_nonces.get((network, sender), 0), at_least)
        self.tables.next_nonces[network, sender] = nonce + 1
        return nonce

    async def add(self, transaction: ChainTransaction) -> None:
        taken = {_nonce(row) for row in self.tables.transactions.values()}
        if transaction.hash in self.tables.transactions or _nonce(transaction) in taken:
            raise DuplicateClaim(f"nonce {transaction.nonce} of {transaction.sender} is taken")
        self.tables.transactions[transaction.hash] = transaction

    async def attempt(self, transaction: str, attempt: Attempt) -> None:
        row = self.tables.transactions[transaction]
        if attempt.hash in {one.hash for stored in self.tables.transactions.values() for one in stored.attempts}:
            raise DuplicateClaim(f"attempt {attempt.hash} is stored")
        self._change(transaction, attempts=(*row.attempts, attempt))

    async def get(self, transaction: str) -> ChainTransaction | None:
        return self.tables.transactions.get(transaction)

    async def of(self, purpose: str, subject: str) -> ChainTransaction | None:
        rows = self.tables.transactions.values()
        found = [row for row in rows if (row.purpose, row.subject) == (purpose, subject)]
        return max(found, key=attrgetter("nonce"), default=None)

    async def senders(self) -> Sequence[Sender]:
        found = []
        for network, address in sorted(self.tables.next_nonces):
            own = self._own(network, address)
            if own:
                times = [[one.signed_at for one in row.attempts] for row in (own[0], own[-1])]
                found.append(Sender(network, address, own[-1].purpose, min(times[0]), max(times[1])))
        return found

    async def unmined(self, network: str, sender: str) -> Sequence[ChainTransaction]:
        return [row for row in self._own(network, sender) if row.state is TransactionState.SIGNED]

    async def above(self, network: str, sender: str, block: int, nonce: int) -> Sequence[ChainTransaction]:
        mined = [row for row in self._own(network, sender) if row.state in MINED]
        return [row for row in mined if row.block is not None and (row.block > block or row.nonce >= nonce)]

    async def record(self, transaction: str, mined: Mined) -> None:
        state = TransactionState.SUCCEEDED if mined.succeeded else TransactionState.REVERTED
        where = {"mined_hash": mined.transaction, "block": mined.block, "block_hash": mined.block_hash}
        self._change(transaction, state=state, **where)

    async def lose(self, transaction: str) -> None:
        self._change(transaction, state=TransactionState.LOST)

    async def reopen(self, transaction: str) -> None:
        self._change(transaction, state=TransactionState.SIGNED, mined_hash=None, block=None, block_hash=None)

    def _own(self, network: str, sender: str) -> list[ChainTransaction]:
        own = [row for row in self.tables.transactions.values() if _nonce(row)[:2] == (network, sender)]
        return sorted(own, key=attrgetter("nonce"))

    def _change(self, transaction: str, **values: Any) -> None:
        if transaction in self.tables.transactions:
            self.tables.transactions[transaction] = replace(self.tables.transactions[transaction], **values)


def _nonce(transaction: ChainTransaction) -> tuple[str, str, int]:
    return transaction.network, transaction.sender, transaction.nonce
