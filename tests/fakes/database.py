"""A database in memory: units of work one after the other, each all or nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from server.ports import Clock
from tests.fakes.allowlist_rows import FakeAllowlists
from tests.fakes.book_rows import FakeBooks
from tests.fakes.buyer_key_rows import FakeBuyerKeys
from tests.fakes.case_rows import FakeCases, FakeSuspects
from tests.fakes.choice_rows import FakeCalldataSignatures
from tests.fakes.extension_rows import FakeIdentifiers, FakeSignIns
from tests.fakes.fee_rows import FakeFeeBook
from tests.fakes.member_rows import FakeMembers, FakeSessions
from tests.fakes.merchant_order_rows import FakeApiNonces, FakeMerchantOrders
from tests.fakes.merchant_rows import FakeMerchants
from tests.fakes.order_rows import FakeOrders
from tests.fakes.pledge_rows import FakePledges
from tests.fakes.proof_rows import FakeAnchors, FakeReceiptChain
from tests.fakes.reputation_rows import FakeReputation
from tests.fakes.rows import (
    FakeDeliveries,
    FakeLedger,
    FakeOutbox,
    FakeProofs,
    FakeReceipts,
    FakeSettlements,
    FakeSwitches,
)
from tests.fakes.tables import Tables
from tests.fakes.tally_rows import FakeTallies
from tests.fakes.trace_rows import FakeOrderTraces
from tests.fakes.transactions import FakeTransactions
from tests.fakes.transfer_rows import FakeTransfers
from tests.fakes.upstream_rows import FakeUpstreams
from tests.fakes.webhook_rows import FakeWebhooks

Hook = Callable[[str, str], None]


class FakeUnitOfWork:
    """Implements ports.UnitOfWork on a snapshot of its own."""

    def __init__(self, tables: Tables, clock: Clock) -> None:
        self.orders = FakeOrders(tables, clock)
        self.deliveries = FakeDeliveries(tables)
        self.ledger = FakeLedger(tables, clock)
        self.books = FakeBooks(tables)
        self.tallies = FakeTallies(tables)
        self.receipts = FakeReceipts(tables)
        self.proofs = FakeProofs(tables)
        self.receipt_chain = FakeReceiptChain(tables)
        self.anchors = FakeAnchors(tables)
        self.outbox = FakeOutbox(tables)
        self.settlements = FakeSettlements(tables, clock)
        self.transactions = FakeTransactions(tables)
        self.identifiers = FakeIdentifiers(tables)
        self.sign_ins = FakeSignIns(tables)
        self.cases = FakeCases(tables, clock)
        self.suspects = FakeSuspects(tables)
        self.webhooks = FakeWebhooks(tables, clock)
        self.switches = FakeSwitches(tables)
        self.pledges = FakePledges(tables)
        self.allowlists = FakeAllowlists(tables)
        self.calldata = FakeCalldataSignatures(tables)
        self.transfers = FakeTransfers(tables)
        self.reputation = FakeReputation(tables)
        self.merchant_orders = FakeMerchantOrders(tables)
        self.api_nonces = FakeApiNonces(tables)
        self.fee_book = FakeFeeBook(tables)
        self.upstreams = FakeUpstreams(tables)
        self.merchants = FakeMerchants(tables, clock)
        self.members = FakeMembers(tables, clock)
        self.sessions = FakeSessions(tables)
        self.traces = FakeOrderTraces(tables)
        self.buyer_keys = FakeBuyerKeys(tables)


class FakeDatabase:
    """Implements ports.Database.

    A hook is called with the unit's name and "begin", "commit" or "committed"; one that raises at the first two loses
    the unit, at the last it is a process that dies after the commit and before it knows.
    """

    def __init__(self, clock: Clock) -> None:
        self.tables = Tables()
        self.hooks: list[Hook] = []
        self._clock = clock
        self._lock = asyncio.Lock()
        self._holder: asyncio.Task[Any] | None = None

    @asynccontextmanager
    async def begin(self, name: str) -> AsyncIterator[FakeUnitOfWork]:
        if self._holder is asyncio.current_task():
            raise RuntimeError(f"unit of work {name!r} inside another one of the same task would wait for ever")
        async with self._lock:
            self._holder = asyncio.current_task()
            try:
                self._call(name, "begin")
                tables = self.tables.copy()
                await asyncio.sleep(0)
                yield FakeUnitOfWork(tables, self._clock)
                await asyncio.sleep(0)
                self._call(name, "commit")
                self.tables = tables
            finally:
                self._holder = None
        self._call(name, "committed")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[FakeUnitOfWork]:
        await asyncio.sleep(0)
        yield FakeUnitOfWork(self.tables.copy(), self._clock)

    survey = read

    async def close(self) -> None:
        """There is nothing to close."""

    def _call(self, name: str, when: str) -> None:
        for hook in self.hooks:
            hook(name, when)
