"""Cursors and orders by transfer in the fake database."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from server.domain.errors import StaleWrite
from server.domain.orders import Order
from server.domain.states import PaymentState
from server.domain.transfers import SCHEME, Cursor
from server.ports import Way
from tests.fakes.tables import Tables


@dataclass(frozen=True)
class FakeTransfers:
    """Implements ports.Transfers."""

    tables: Tables

    async def cursor(self, network: str) -> Cursor | None:
        return self.tables.cursors.get(network)

    async def move(self, cursor: Cursor) -> None:
        there = self.tables.cursors.get(cursor.network)
        if (there.version if there else 0) != cursor.version:
            raise StaleWrite(f"{cursor.network} is read by somebody else")
        written = replace(cursor, version=cursor.version + 1, looked_at=cursor.looked_at.astimezone(UTC))
        self.tables.cursors[cursor.network] = written

    async def waiting(self, way: Way) -> Sequence[str]:
        return [order.id for order in self._going(way) if order.payment is PaymentState.CREATED]

    async def newest(self, way: Way) -> str | None:
        return next((order.id for order in reversed(self._going(way))), None)

    async def payees(self, network: str) -> set[str]:
        return {order.terms.pay_to for order in self._waiting(network)}

    async def lapsed(self, network: str, at: datetime, limit: int) -> Sequence[str]:
        over = sorted((o for o in self._waiting(network) if o.terms.expires_at < at), key=lambda o: o.terms.expires_at)
        return [order.id for order in over[:limit]]

    async def booked_above(self, network: str, block: int) -> Sequence[str]:
        booked = {row.order_id for row in self.tables.entries if row.network == network and row.block > block}
        return [order.id for order in self._by_age() if order.id in booked]

    def _going(self, way: Way) -> list[Order]:
        return [order for order in self._by_age() if _way(order) == way]

    def _waiting(self, network: str) -> list[Order]:
        own = [order for order in self.tables.orders.values() if order.terms.network == network]
        return [order for order in own if order.payment is PaymentState.CREATED]

    def _by_age(self) -> list[Order]:
        own = [order for order in self.tables.orders.values() if order.authorization.scheme == SCHEME]
        return sorted(own, key=lambda order: (order.created_at, order.id))


def _way(order: Order) -> Way:
    return Way(order.terms.network, order.terms.asset, order.authorization.payer, order.terms.pay_to)
