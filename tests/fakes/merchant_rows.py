"""Merchants in the fake database."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from server.domain.errors import MerchantKnown, StaleWrite
from server.domain.market import Merchant
from server.domain.merchant_changes import MerchantChange
from server.ports import Clock
from tests.fakes.tables import Tables


@dataclass(frozen=True)
class FakeMerchants:
    """Implements ports.Merchants."""

    tables: Tables
    clock: Clock

    async def get(self, merchant: str) -> Merchant | None:
        return self.tables.merchants.get(merchant)

    async def add(self, merchant: Merchant, by: str) -> None:
        if merchant.id in self.tables.merchants:
            raise MerchantKnown(f"there is a merchant {merchant.id!r} already")
        self.tables.merchants[merchant.id] = merchant
        self._note(merchant.id, "", merchant.pay_to, by)

    async def paid_at(self, pay_to: str) -> int:
        return len([one for one in self.tables.merchants.values() if one.pay_to == pay_to])

    async def move(self, merchant: Merchant, pay_to: str, by: str) -> None:
        known = self.tables.merchants.get(merchant.id)
        if known is None or known.pay_to != merchant.pay_to:
            raise StaleWrite(f"{merchant.id} is paid elsewhere by now")
        self.tables.merchants[merchant.id] = replace(known, pay_to=pay_to)
        self._note(merchant.id, merchant.pay_to, pay_to, by)

    async def changes(self, merchant: str, limit: int) -> Sequence[MerchantChange]:
        return [line for line in reversed(self.tables.merchant_changes) if line.merchant == merchant][:limit]

    def _note(self, merchant: str, old: str, new: str, by: str) -> None:
        self.tables.merchant_changes.append(MerchantChange(merchant, old, new, self.clock.now(), by[:64]))
