"""Merchants as rows."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.adapters.database import SqlDatabase
from server.adapters.models import merchants
from server.domain.errors import RotationPending, UnknownMerchant
from server.domain.market import Merchant

log = logging.getLogger(__name__)

REFRESH = 2.0
"""Seconds after which a server knows what was changed about merchants."""
_COLUMNS = tuple(Merchant.__dataclass_fields__)


async def all_merchants(connection: AsyncConnection) -> dict[str, Merchant]:
    """Every merchant, by id."""
    rows = await connection.execute(select(*(merchants.c[name] for name in _COLUMNS)))
    return {row.id: Merchant(*row) for row in rows}


async def put_merchant(connection: AsyncConnection, merchant: Merchant, at: datetime) -> None:
    """Add a merchant, or change name and address of the one of that id; its key changes by `rotate_key` alone."""
    values = {"name": merchant.name, "pay_to": merchant.pay_to}
    result = await connection.execute(update(merchants).where(merchants.c.id == merchant.id).values(**values))
    if result.rowcount == 0:
        own = {"id": merchant.id, "key_digest": merchant.key_digest, "created_at": at}
        await connection.execute(insert(merchants).values(**own, **values))


async def rotate_key(
    connection: AsyncConnection, merchant_id: str, digest: bytes, now: datetime, overlap: timedelta
) -> None:
    """Give a merchant a new key; the one before it counts for `overlap` beside it, and no third one ever.

    Raises UnknownMerchant, or RotationPending while a former key still counts; without overlap all former keys end.
    """
    own = merchants.c.id == merchant_id
    query = select(merchants.c.key_digest, merchants.c.former_until).where(own).with_for_update()
    row = (await connection.execute(query)).first()
    if row is None:
        raise UnknownMerchant(f"there is no merchant {merchant_id!r} here")
    if overlap and row.former_until and now < row.former_until:
        raise RotationPending(
            f"the key before the present one still counts, until {row.former_until:%Y-%m-%d %H:%M} UTC"
        )
    former = {"former_digest": row.key_digest, "former_until": now + overlap}
    await connection.execute(update(merchants).where(own).values(key_digest=digest, **former))


@asynccontextmanager
async def keep_fresh(db: SqlDatabase, known: MutableMapping[str, Merchant]) -> AsyncIterator[None]:
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


def key_digest(key: str) -> bytes:
    """What is kept of an API key: SHA-256, for keys are long and random."""
    return hashlib.sha256(key.encode()).digest()
