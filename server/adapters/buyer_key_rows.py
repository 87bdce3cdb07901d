"""Buyer keys as rows."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Select, func, insert, literal, literal_column, select, update

from server.adapters.buyer_key_models import buyer_key_caps, buyer_key_orders, buyer_keys
from server.adapters.models import Utc, orders
from server.adapters.statements import Statements
from server.adapters.sums import GROUPS, group, together
from server.domain.buyer_keys import UNSPENT, BuyerKey, Cap, day_of
from server.domain.orders import Order

_ADDING = 403
"""Seed of the advisory locks under which a wallet's keys are counted."""
_KEY = tuple(name for name in BuyerKey.__dataclass_fields__ if name != "caps")
_KEYS = select(*(buyer_keys.c[name] for name in _KEY))
_PRICE = "COALESCE(orders.charged, orders.amount)"
_SUMS = tuple(literal_column(f"COALESCE(SUM({group(_PRICE, index)}), 0)", BigInteger) for index in range(GROUPS))


class BuyerKeyRows:
    """Implements ports.BuyerKeys."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def add(self, key: BuyerKey, now: datetime) -> int:
        if self._connection.dialect.name == "postgresql":  # SQLite has one writer at a time as it is
            lock = func.pg_advisory_xact_lock(func.hashtextextended(key.wallet, _ADDING))
            await self._connection.execute(select(lock))
        await self._connection.execute(insert(buyer_keys).values({name: getattr(key, name) for name in _KEY}))
        for cap in key.caps:
            values = {"key": key.id, "network": cap.network, "asset": cap.asset, "per_day": cap.per_day}
            await self._connection.execute(insert(buyer_key_caps).values(values))
        own = (buyer_keys.c.wallet == key.wallet, buyer_keys.c.revoked_at.is_(None), buyer_keys.c.until > now)
        return int((await self._connection.execute(select(func.count()).where(*own))).scalar_one())

    async def of(self, wallet: str, limit: int) -> Sequence[BuyerKey]:
        newest = buyer_keys.c.at.desc(), buyer_keys.c.id
        return await self._read(_KEYS.where(buyer_keys.c.wallet == wallet).order_by(*newest).limit(limit))

    async def find(self, secret: bytes) -> BuyerKey | None:
        return next(iter(await self._read(_KEYS.where(buyer_keys.c.secret == secret))), None)

    async def hold(self, secret: bytes) -> BuyerKey | None:
        return next(iter(await self._read(_KEYS.where(buyer_keys.c.secret == secret).with_for_update())), None)

    async def revoke(self, wallet: str, key_id: str, now: datetime) -> bool:
        own = (buyer_keys.c.id == key_id, buyer_keys.c.wallet == wallet)
        ended = func.coalesce(buyer_keys.c.revoked_at, literal(now, Utc))
        result = await self._connection.execute(update(buyer_keys).where(*own).values(revoked_at=ended))
        return result.rowcount == 1

    async def spend(self, key: BuyerKey, order: Order) -> int:
        day = day_of(order.created_at)
        values = {"order_id": order.id, "key": key.id, "day": day}
        await self._connection.execute(insert(buyer_key_orders).values(values))
        query = (
            select(*_SUMS)
            .select_from(buyer_key_orders.join(orders, orders.c.id == buyer_key_orders.c.order_id))
            .where(
                buyer_key_orders.c.key == key.id,
                buyer_key_orders.c.day == day,
                orders.c.network == order.terms.network,
                orders.c.asset == order.terms.asset,
                orders.c.payment.not_in(UNSPENT),
            )
        )
        return together((await self._connection.execute(query)).one())

    async def _read(self, query: Select[tuple[object, ...]]) -> list[BuyerKey]:
        rows = (await self._connection.execute(query)).mappings().all()
        caps: dict[str, list[Cap]] = {row["id"]: [] for row in rows}
        named = select(buyer_key_caps).where(buyer_key_caps.c.key.in_(caps))
        ordered = named.order_by(buyer_key_caps.c.network, buyer_key_caps.c.asset)
        for key, *cap in await self._connection.execute(ordered) if rows else ():
            caps[key].append(Cap(*cap))
        return [BuyerKey(**row, caps=tuple(caps[row["id"]])) for row in rows]
