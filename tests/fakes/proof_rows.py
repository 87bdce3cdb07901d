"""Receipt chains and their anchors in the fake database."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from server.domain.anchors import Anchor, Chained, Site
from server.domain.errors import DuplicateClaim, StaleWrite
from tests.fakes.tables import Tables


@dataclass(frozen=True)
class FakeReceiptChain:
    """Implements ports.ReceiptChain."""

    tables: Tables

    async def enqueue(self, order_id: str, merchant: str, released_at: datetime) -> None:
        if order_id not in self.tables.orders:
            raise KeyError(f"there is no order {order_id}")
        if not await self.of(order_id):
            self.tables.receipt_queue.setdefault(order_id, (merchant, released_at))

    async def waiting(self, merchant: str, limit: int) -> Sequence[str]:
        rows = ((at, order_id) for order_id, (of, at) in self.tables.receipt_queue.items() if of == merchant)
        return [order_id for _, order_id in sorted(rows)][:limit]

    async def tail(self, merchant: str) -> Chained | None:
        found = await self.entries(merchant, 0, len(self.tables.receipt_chain))
        return found[-1] if found else None

    async def append(self, entry: Chained) -> None:
        if any(known.kind is entry.kind for known in await self.of(entry.order_id)):
            raise DuplicateClaim(f"order {entry.order_id} has its {entry.kind} entry already")
        if (entry.merchant, entry.index) in self.tables.receipt_chain:
            raise StaleWrite(f"somebody else wrote entry {entry.index} of {entry.merchant}'s chain")
        at = entry.appended_at.astimezone(UTC)
        self.tables.receipt_chain[entry.merchant, entry.index] = replace(entry, appended_at=at)
        self.tables.receipt_queue.pop(entry.order_id, None)

    async def of(self, order_id: str) -> Sequence[Chained]:
        rows = (row for row in self.tables.receipt_chain.values() if row.order_id == order_id)
        return sorted(rows, key=lambda row: row.index)

    async def entries(self, merchant: str, first: int, limit: int) -> Sequence[Chained]:
        rows = (row for row in self.tables.receipt_chain.values() if row.merchant == merchant and row.index >= first)
        return sorted(rows, key=lambda row: row.index)[:limit]


@dataclass(frozen=True)
class FakeAnchors:
    """Implements ports.Anchors."""

    tables: Tables

    async def add(self, anchor: Anchor) -> None:
        if _key(anchor) in self.tables.anchors:
            raise StaleWrite(f"somebody else wrote batch {anchor.batch} of {anchor.merchant}'s chain")
        self.tables.anchors[_key(anchor)] = anchor

    async def last(self, site: Site, merchant: str) -> Anchor | None:
        rows = [row for row in self.tables.anchors.values() if (row.site, row.merchant) == (site, merchant)]
        return max(rows, key=lambda row: row.batch, default=None)

    async def newest(self, site: Site, merchant: str, before: int | None, limit: int) -> Sequence[Anchor]:
        own = [row for row in self.tables.anchors.values() if (row.site, row.merchant) == (site, merchant)]
        older = [row for row in own if before is None or row.batch < before]
        return sorted(older, key=lambda row: -row.batch)[:limit]

    async def sent_again(self, anchor: Anchor, transaction: str) -> None:
        stored = self.tables.anchors[_key(anchor)]
        if stored.transaction != anchor.transaction:
            raise StaleWrite(f"somebody else sent batch {anchor.batch} of {anchor.merchant}'s chain again")
        self.tables.anchors[_key(anchor)] = replace(stored, transaction=transaction)

    async def confirm(self, anchor: Anchor, block: int) -> None:
        self.tables.anchors[_key(anchor)] = replace(
            self.tables.anchors[_key(anchor)], block=block, transaction=anchor.transaction
        )

    async def covering(self, merchant: str, index: int) -> Anchor | None:
        rows = [row for row in self._final() if row.merchant == merchant and row.first <= index <= row.last]
        return max(rows, key=lambda row: row.block or 0, default=None)

    async def between(self, site: Site, merchant: str, first: int, last: int) -> Sequence[Anchor]:
        rows = [row for row in self._final() if (row.site, row.merchant) == (site, merchant)]
        return sorted((row for row in rows if row.first <= last and row.last >= first), key=lambda row: row.batch)

    def _final(self) -> list[Anchor]:
        return [row for row in self.tables.anchors.values() if row.block is not None]


def _key(anchor: Anchor) -> tuple[Site, str, int]:
    return anchor.site, anchor.merchant, anchor.batch
