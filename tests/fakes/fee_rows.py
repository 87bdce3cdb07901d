"""Merchants' fees in the fake database."""

from collections.abc import Sequence
from dataclasses import dataclass

from server.domain.errors import DuplicateClaim, EntryRefused
from server.domain.fees import FeeEntry, FeeKind, balance_of, returned
from tests.fakes.tables import Tables


@dataclass(frozen=True)
class FakeFeeBook:
    """Implements ports.FeeBook."""

    tables: Tables

    async def add(self, entry: FeeEntry) -> None:
        if entry.order_id and any(row.kind == entry.kind for row in await self.of(entry.order_id)):
            raise DuplicateClaim("there is such a row for that order")
        taken = [row for row in self.tables.fees if row.kind is FeeKind.FEE]
        if entry.kind is FeeKind.RETURNED and entry not in map(returned, taken):
            raise EntryRefused("no such fee was taken")
        self.tables.fees.append(entry)

    async def balance(self, merchant: str) -> int:
        account, own = balance_of(merchant), [row for row in self.tables.fees if row.merchant == merchant]
        return sum(row.amount for row in own if row.debit == account) - sum(
            row.amount for row in own if row.credit == account
        )

    async def of(self, order_id: str) -> Sequence[FeeEntry]:
        return [row for row in self.tables.fees if row.order_id == order_id]
