"""Merchants as rows."""

import asyncio
import logging
from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Column, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from server.adapters.models import merchants
from server.adapters.statements import Statements
from server.adapters.upstream_models import merchant_changes
from server.domain.errors import MerchantKnown, RotationPending, StaleWrite, UnknownMerchant
from server.domain.market import Merchant
from server.domain.merchant_changes import MerchantChange
from server.ports import Clock

log = logging.getLogger(__name__)

REFRESH = 2.0
"""Seconds after which a server knows what was changed about merchants."""
_COLUMNS = tuple(Merchant.__dataclass_fields__)
_AUDIT = tuple(MerchantChange.__dataclass_fields__)


class Viewed(Protocol):
    """A database that gives reading connections."""

    def view(self) -> AbstractAsyncContextManager[Statements]: ...


class MerchantRows:
    """Implements ports.Merchants."""

    def __init__(self, connection: Statements, clock: Clock) -> None:
        self._connection, self._clock = connection, clock

    async def get(self, merchant: str) -> Merchant | None:
        query = select(*(merchants.c[name] for name in _COLUMNS)).where(merchants.c.id == merchant)
        row = (await self._connection.execute(query)).first()
        return Merchant(*row) if row else None

    async def add(self, merchant: Merchant, by: str) -> None:
        await add_merchant(self._connection, merchant, self._clock.now())
        await self._note(merchant.id, "", merchant.pay_to, by)

    async def paid_at(self, pay_to: str) -> int:
        query = select(func.count()).where(merchants.c.pay_to == pay_to)
        return int((await self._connection.execute(query)).scalar_one())

    async def move(self, merchant: Merchant, pay_to: str, by: str) -> None:
        same = (merchants.c.id == merchant.id, merchants.c.pay_to == merchant.pay_to)
        if (await self._connection.execute(update(merchants).where(*same).values(pay_to=pay_to))).rowcount != 1:
            raise StaleWrite(f"{merchant.id} is paid elsewhere by now")
        await self._note(merchant.id, merchant.pay_to, pay_to, by)

    async def changes(self, merchant: str, limit: int) -> Sequence[MerchantChange]:
        own = select(merchant_changes).where(merchant_changes.c.merchant == merchant)
        rows = (await self._connection.execute(own.order_by(merchant_changes.c.id.desc()).limit(limit))).mappings()
        return [MerchantChange(**{name: row[name] for name in _AUDIT}) for row in rows]

    async def _note(self, merchant: str, old: str, new: str, by: str) -> None:
        line = {"merchant": merchant, "old": old, "new": new, "at": self._clock.now(), "by": by[:64]}
        await self._connection.execute(insert(merchant_changes).values(line))


async def all_merchants(connection: Statements) -> dict[str, Merchant]:
    """Every merchant, by id."""
    rows = await connection.execute(select(*(merchants.c[name] for name in _COLUMNS)))
    return {row.id: Merchant(*row) for row in rows}


async def put_merchant(connection: Statements, merchant: Merchant, at: datetime) -> None:
    """Add a merchant, or change name and address of the one of that id; its key changes by `rotate_key` alone."""
    values = {"name": merchant.name, "pay_to": merchant.pay_to}
    result = await connection.execute(update(merchants).where(merchants.c.id == merchant.id).values(**values))
    if result.rowcount == 0:
        own = {"id": merchant.id, "key_digest": merchant.key_digest, "created_at": at}
        await connection.execute(insert(merchants).values(**own, **values))


async def add_merchant(connection: Statements, merchant: Merchant, at: datetime) -> None:
    """Add one. Raises MerchantKnown if there is one of that id."""
    values = {name: getattr(merchant, name) for name in _COLUMNS}
    try:
        await connection.execute(insert(merchants).values(**values, created_at=at))
    except IntegrityError as error:
        raise MerchantKnown(f"there is a merchant {merchant.id!r} already") from error


async def rotate_key(
    connection: Statements, merchant_id: str, digest: bytes, now: datetime, overlap: timedelta
) -> None:
    """Give a merchant a new key; the one before it counts for `overlap` beside it, and no third one ever.

    Raises UnknownMerchant, or RotationPending while a former key still counts; without overlap all former keys end.
    """
    columns = (merchants.c.key_digest, merchants.c.former_digest, merchants.c.former_until)
    await _rotate(connection, merchant_id, columns, digest, now, overlap)


async def rotate_secret(connection: Statements, merchant_id: str, name: str, now: datetime, overlap: timedelta) -> None:
    """Give a merchant another API secret, by its name in `WebhookKeys`; for the rest as `rotate_key`."""
    columns = (merchants.c.api_secret, merchants.c.former_secret, merchants.c.former_secret_until)
    await _rotate(connection, merchant_id, columns, name, now, overlap)


async def _rotate(
    connection: Statements,
    merchant_id: str,
    columns: tuple[Column[Any], Column[Any], Column[Any]],
    new: bytes | str,
    now: datetime,
    overlap: timedelta,
) -> None:
    """`columns` hold the credential, the one before it, and until when that counts."""
    current, former, until = columns
    own = merchants.c.id == merchant_id
    row = (await connection.execute(select(current, until).where(own).with_for_update())).first()
    if row is None:
        raise UnknownMerchant(f"there is no merchant {merchant_id!r} here")
    old, ends = row
    if overlap and ends and now < ends:
        raise RotationPending(f"the one before the present one still counts, until {ends:%Y-%m-%d %H:%M} UTC")
    values = {current.name: new, former.name: old, until.name: now + overlap}
    await connection.execute(update(merchants).where(own).values(values))


@asynccontextmanager
async def keep_fresh(db: Viewed, known: MutableMapping[str, Merchant]) -> AsyncIterator[None]:
    """While the block lasts, bring what is known of merchants up to date, so that no server needs a new start."""

    async def refresh() -> None:
        while True:
            await asyncio.sleep(REFRESH)
            try:
                async with db.view() as connection:
                    known.update(await all_merchants(connection))
            except Exception as error:
                log.warning("merchants cannot be read again: %s", type(error).__name__)

    task = asyncio.create_task(refresh())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
