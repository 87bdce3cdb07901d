"""The fake database's repositories: the same guarantees as the adapters', on dictionaries."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter

from protocol.receipts import SignedReceipt
from server.domain.deliveries import Delivery
from server.domain.errors import DuplicateClaim, EntryRefused, StaleWrite
from server.domain.ledger import Entry, reversed_entry
from server.domain.settlements import Settlement, SettlementState
from server.domain.switches import Switch
from server.ports import Clock, Job
from tests.fakes.tables import JobRow, Tables


@dataclass(frozen=True)
class FakeDeliveries:
    """Implements ports.Deliveries."""

    tables: Tables

    async def put(self, delivery: Delivery) -> None:
        self.tables.deliveries[_known(self.tables, delivery.order_id)] = delivery

    async def get(self, order_id: str) -> Delivery | None:
        return self.tables.deliveries.get(order_id)


@dataclass(frozen=True)
class FakeLedger:
    """Implements ports.Ledger."""

    tables: Tables
    clock: Clock

    async def add(self, entry: Entry) -> None:
        _known(self.tables, entry.order_id)
        for row in self.tables.entries:
            if _kind(row) == _kind(entry) or _log(row) == _log(entry):
                raise DuplicateClaim(f"order {entry.order_id} or its Transfer has a {entry.kind} entry already")
        if entry.amount <= 0 or entry.debit == entry.credit:
            raise EntryRefused("a row moves an amount above zero between two accounts")
        if entry.reversal and replace(reversed_entry(entry), reversal=False) not in self.tables.entries:
            raise EntryRefused("a reversal takes back a row that is there")
        if not entry.reversal and entry.debit.startswith("payer:") and entry.amount > self._most_back(entry):
            raise EntryRefused("no more goes back than came")
        self.tables.entries.append(entry)
        self.tables.booked.append(self.clock.now())

    def _most_back(self, entry: Entry) -> int:
        """What came for the entry's order in its asset, and has not gone back; or what was taken back meanwhile."""
        wanted = (entry.order_id, entry.network, entry.asset)
        rows = [row for row in self.tables.entries if (row.order_id, row.network, row.asset) == wanted]
        back = [row for row in rows if (row.credit if row.reversal else row.debit).startswith("payer:")]
        if sum(-1 if row.reversal else 1 for row in back) == 0 and any(
            row.reversal and (row.debit, row.amount) == (entry.debit, entry.amount) for row in rows
        ):
            return entry.amount
        came = sum(row.amount for row in rows if row.credit.startswith("payer:"))
        return came - sum(row.amount for row in rows if row.debit.startswith("payer:"))

    async def of(self, order_id: str) -> Sequence[Entry]:
        return [row for row in self.tables.entries if row.order_id == order_id]

    async def booked(self, network: str, block_hash: str, log_index: int) -> bool:
        wanted = (network, block_hash, log_index)
        rows = [row for row in self.tables.entries if (row.network, row.block_hash, row.log_index) == wanted]
        return sum(-1 if row.reversal else 1 for row in rows) != 0

    async def touching(
        self, network: str, asset: str, account: str, first: int = 0, last: int | None = None
    ) -> list[Entry]:
        own = [row for row in self.tables.entries if (row.network, row.asset) == (network, asset)]
        within = [row for row in own if first <= row.block and (last is None or row.block <= last)]
        return [row for row in within if account in (row.debit, row.credit)]


@dataclass(frozen=True)
class FakeReceipts:
    """Implements ports.Receipts."""

    tables: Tables

    async def put(self, order_id: str, receipt: SignedReceipt, standard: bytes) -> None:
        self.tables.receipts[_known(self.tables, order_id)] = (receipt, standard)

    async def get(self, order_id: str) -> tuple[SignedReceipt, bytes] | None:
        return self.tables.receipts.get(order_id)


@dataclass(frozen=True)
class FakeProofs:
    """Implements ports.Proofs."""

    tables: Tables

    async def put(self, order_id: str, record: bytes, stored_at: datetime) -> None:
        self.tables.proofs[_known(self.tables, order_id)] = record

    async def get(self, order_id: str) -> bytes | None:
        return self.tables.proofs.get(order_id)


@dataclass(frozen=True)
class FakeOutbox:
    """Implements ports.Outbox."""

    tables: Tables

    async def add(self, topic: str, subject: str, due: datetime) -> None:
        key = f"{topic}:{subject}"
        old = self.tables.jobs.get(key)
        generation = old.job.generation + 1 if old else 1
        lease_until = old.lease_until if old else None
        self.tables.jobs[key] = JobRow(Job(key, topic, subject, generation, 0), due, lease_until)

    async def ensure(self, topic: str, subject: str, due: datetime) -> None:
        row = self.tables.jobs.get(f"{topic}:{subject}")
        if row is None or row.done:
            await self.add(topic, subject, due)

    async def due(self, now: datetime) -> bool:
        return bool(self._ready(now))

    async def take(self, now: datetime, until: datetime, limit: int) -> Sequence[Job]:
        taken = [replace(row.job, attempts=row.job.attempts + 1) for row in self._ready(now)[:limit]]
        for job in taken:
            self.tables.jobs[job.id] = replace(self.tables.jobs[job.id], job=job, lease_until=until)
        return taken

    async def finish(self, job: Job) -> None:
        row = self.tables.jobs[job.id]
        if row.job.generation == job.generation:
            row = replace(row, done=True, error=None)
        self.tables.jobs[job.id] = replace(row, lease_until=None)

    async def put_off(self, job: Job, due: datetime, error: str | None) -> None:
        row = self.tables.jobs[job.id]
        if row.job.generation == job.generation:
            row = replace(row, due=due, error=error, job=row.job if error else replace(row.job, attempts=0))
        self.tables.jobs[job.id] = replace(row, lease_until=None)

    async def waiting(self) -> int:
        return sum(not row.done for row in self.tables.jobs.values())

    async def overdue(self, now: datetime) -> datetime | None:
        return next((row.due for row in self._ready(now)), None)

    async def failing(self, times: int) -> Mapping[str, int]:
        rows = (row for row in self.tables.jobs.values() if not row.done and row.error)
        return Counter(row.job.topic for row in rows if row.job.attempts >= times)

    def _ready(self, now: datetime) -> list[JobRow]:
        rows = (row for row in self.tables.jobs.values() if not row.done and row.due <= now)
        free = [row for row in rows if row.lease_until is None or row.lease_until <= now]
        return sorted(free, key=attrgetter("due"))


@dataclass(frozen=True)
class FakeSettlements:
    """Implements ports.Settlements."""

    tables: Tables
    clock: Clock

    async def add(self, settlement: Settlement) -> None:
        if settlement.id in self.tables.settlements:
            raise DuplicateClaim("this payment is known")
        self.tables.settlements[settlement.id] = replace(settlement, version=0)

    async def get(self, settlement_id: str) -> Settlement | None:
        found = self.tables.settlements.get(settlement_id)
        return replace(found) if found else None

    async def save(self, settlement: Settlement) -> None:
        stored = self.tables.settlements.get(settlement.id)
        if stored is None or stored.version != settlement.version:
            raise StaleWrite(f"settlement {settlement.id} was changed by somebody else")
        settlement.version += 1
        self.tables.settlements[settlement.id] = replace(settlement)
        if settlement.state is SettlementState.FAILED:
            before = self.tables.failures.get(settlement.id, [])
            self.tables.failures[settlement.id] = [*before, self.clock.now()]

    async def sent_in(self, transaction: str) -> Sequence[Settlement]:
        rows = self.tables.settlements.values()
        return [replace(row) for row in rows if row.sent_in == transaction]

    async def abandoned(self, network: str, lapsed_at: datetime, limit: int) -> Sequence[Settlement]:
        queued = (row for row in self.tables.settlements.values() if row.state is SettlementState.QUEUED)
        own = [row for row in queued if row.payment.network == network and row.lease_until <= lapsed_at]
        return [replace(row) for row in own[:limit]]

    async def hold(self, settlements: Collection[str], until: datetime) -> None:
        for one in settlements:
            row = self.tables.settlements[one]
            if row.state is SettlementState.QUEUED:
                self.tables.settlements[one] = replace(row, lease_until=until)

    async def failures_of(self, payer: str, since: datetime) -> int:
        own = (i for i, row in self.tables.settlements.items() if row.payment.transfer.payer == payer)
        failed = (self.tables.failures.get(settlement_id, []) for settlement_id in own)
        return sum(len(times) for times in failed if times and times[-1] > since)


@dataclass(frozen=True)
class FakeSwitches:
    """Implements ports.Switches."""

    tables: Tables

    async def put(self, switch: Switch) -> None:
        self.tables.switches[switch.name] = switch

    async def get(self, name: str) -> Switch | None:
        return self.tables.switches.get(name)


def _kind(row: Entry) -> tuple[object, ...]:
    return row.order_id, row.kind, row.round, row.reversal


def _log(row: Entry) -> tuple[object, ...]:
    return row.network, row.transaction, row.block_hash, row.log_index, row.round, row.reversal


def _known(tables: Tables, order_id: str) -> str:
    """Rows that belong to an order need one. Raises KeyError."""
    if order_id not in tables.orders:
        raise KeyError(f"there is no order {order_id}")
    return order_id
