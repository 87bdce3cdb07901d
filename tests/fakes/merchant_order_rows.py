"""Merchants' own names for orders, and used nonces, in the fake database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from server.domain.errors import DuplicateClaim
from server.domain.merchant_orders import MerchantOrder
from server.domain.states import PaymentState
from server.domain.transfers import SCHEME
from server.ports import Way
from tests.fakes.tables import Tables


@dataclass(frozen=True)
class FakeMerchantOrders:
    """Implements ports.MerchantOrders."""

    tables: Tables

    async def add(self, made: MerchantOrder) -> None:
        if made.order_id not in self.tables.orders or made.order_id in self.tables.merchant_orders:
            raise DuplicateClaim("there is no such order, or it has a name")
        if await self.named(made.merchant, made.dapp_order_id):
            raise DuplicateClaim("this name was used before")
        self.tables.merchant_orders[made.order_id] = made

    async def get(self, order_id: str) -> MerchantOrder | None:
        return self.tables.merchant_orders.get(order_id)

    async def named(self, merchant: str, dapp_order_id: str) -> MerchantOrder | None:
        made = self.tables.merchant_orders.values()
        return next((one for one in made if (one.merchant, one.dapp_order_id) == (merchant, dapp_order_id)), None)

    async def equal(self, way: Way, amount: int) -> Sequence[str]:
        found = [
            order
            for order in self.tables.orders.values()
            if order.authorization.scheme == SCHEME
            and order.payment is PaymentState.CREATED
            and order.terms.amount == amount
            and Way(order.terms.network, order.terms.asset, order.authorization.payer, order.terms.pay_to) == way
        ]
        return [order.id for order in sorted(found, key=lambda order: order.created_at)]


@dataclass(frozen=True)
class FakeApiNonces:
    """Implements ports.ApiNonces."""

    tables: Tables

    async def use(self, merchant: str, nonce: str, until: datetime, now: datetime) -> None:
        for old in [old for old, end in self.tables.api_nonces.items() if end <= now]:
            del self.tables.api_nonces[old]
        if (merchant, nonce) in self.tables.api_nonces:
            raise DuplicateClaim("this nonce was used")
        self.tables.api_nonces[merchant, nonce] = until
