"""Buyer keys in the fake database."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from server.domain.buyer_keys import UNSPENT, BuyerKey, day_of
from server.domain.orders import Order
from tests.fakes.tables import Tables


@dataclass(frozen=True)
class FakeBuyerKeys:
    """Implements ports.BuyerKeys."""

    tables: Tables

    async def add(self, key: BuyerKey, now: datetime) -> int:
        self.tables.buyer_keys[key.id] = key
        return sum(one.wallet == key.wallet and one.is_live(now) for one in self.tables.buyer_keys.values())

    async def of(self, wallet: str, limit: int) -> Sequence[BuyerKey]:
        own = [one for one in self.tables.buyer_keys.values() if one.wallet == wallet]
        return sorted(own, key=lambda one: (-one.at.timestamp(), one.id))[:limit]

    async def find(self, secret: bytes) -> BuyerKey | None:
        return next((one for one in self.tables.buyer_keys.values() if one.secret == secret), None)

    async def hold(self, secret: bytes) -> BuyerKey | None:
        return await self.find(secret)

    async def revoke(self, wallet: str, key_id: str, now: datetime) -> bool:
        known = self.tables.buyer_keys.get(key_id)
        if known is None or known.wallet != wallet:
            return False
        self.tables.buyer_keys[key_id] = replace(known, revoked_at=known.revoked_at or now)
        return True

    async def spend(self, key: BuyerKey, order: Order) -> int:
        self.tables.buyer_key_orders[order.id] = key.id
        claimed = (self.tables.orders[one] for one, by in self.tables.buyer_key_orders.items() if by == key.id)
        return sum(one.price for one in claimed if one.payment not in UNSPENT and _name(one) == _name(order))


def _name(order: Order) -> tuple[object, ...]:
    return order.terms.network, order.terms.asset, day_of(order.created_at)
