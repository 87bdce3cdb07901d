"""Merchants' own names for orders, and the nonces of their signed requests, as rows."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, insert, select, tuple_
from sqlalchemy.exc import IntegrityError

from server.adapters.merchant_order_models import api_nonces, merchant_orders
from server.adapters.models import orders
from server.adapters.row_sets import BY_TRANSFER, WAITING
from server.adapters.statements import Statements
from server.domain.errors import DuplicateClaim
from server.domain.merchant_orders import MerchantOrder
from server.ports.transfers import Way

AT_ONCE = 100
"""How many used nonces are forgotten in one go, so that no request pays for many."""
_COLUMNS = tuple(MerchantOrder.__dataclass_fields__)
_WAY = 4020
"""Seed of the advisory locks under which open orders are compared."""


class MerchantOrderRows:
    """Implements ports.MerchantOrders."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def add(self, made: MerchantOrder) -> None:
        try:
            await self._connection.execute(
                insert(merchant_orders).values({name: getattr(made, name) for name in _COLUMNS})
            )
        except IntegrityError as error:
            raise DuplicateClaim(f"{made.merchant} used the name {made.dapp_order_id!r} before") from error

    async def get(self, order_id: str) -> MerchantOrder | None:
        query = select(merchant_orders).where(merchant_orders.c.order_id == order_id)
        row = (await self._connection.execute(query)).mappings().first()
        return MerchantOrder(**row) if row else None

    async def named(self, merchant: str, dapp_order_id: str) -> MerchantOrder | None:
        own = (merchant_orders.c.merchant == merchant) & (merchant_orders.c.dapp_order_id == dapp_order_id)
        row = (await self._connection.execute(select(merchant_orders).where(own))).mappings().first()
        return MerchantOrder(**row) if row else None

    async def equal(self, way: Way, amount: int) -> Sequence[str]:
        if self._connection.dialect.name == "postgresql":  # SQLite has one writer at a time as it is
            lock = func.pg_advisory_xact_lock(func.hashtextextended("|".join(way), _WAY))
            await self._connection.execute(select(lock))
        same = [orders.c[name] == value for name, value in way._asdict().items()]
        query = select(orders.c.id).where(BY_TRANSFER, WAITING, orders.c.amount == amount, *same)
        return list((await self._connection.execute(query.order_by(orders.c.created_at))).scalars())


class ApiNonceRows:
    """Implements ports.ApiNonces."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def use(self, merchant: str, nonce: str, until: datetime, now: datetime) -> None:
        key = tuple_(api_nonces.c.merchant, api_nonces.c.nonce)
        over = select(api_nonces.c.merchant, api_nonces.c.nonce).where(api_nonces.c.until <= now).limit(AT_ONCE)
        await self._connection.execute(delete(api_nonces).where(key.in_(over.with_for_update(skip_locked=True))))
        try:
            await self._connection.execute(insert(api_nonces).values(merchant=merchant, nonce=nonce, until=until))
        except IntegrityError as error:
            raise DuplicateClaim("this nonce was used") from error
