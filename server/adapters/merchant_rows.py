"""Merchants as rows."""

import hashlib
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.adapters.models import merchants
from server.domain.market import Merchant


async def all_merchants(connection: AsyncConnection) -> dict[str, Merchant]:
    """Every merchant, by id."""
    rows = await connection.execute(
        select(merchants.c.id, merchants.c.name, merchants.c.pay_to, merchants.c.key_digest)
    )
    return {row.id: Merchant(row.id, row.name, row.pay_to, row.key_digest) for row in rows}


async def put_merchant(connection: AsyncConnection, merchant: Merchant, at: datetime) -> None:
    """Add a merchant, or change the one of that id."""
    values = {"name": merchant.name, "pay_to": merchant.pay_to, "key_digest": merchant.key_digest}
    result = await connection.execute(update(merchants).where(merchants.c.id == merchant.id).values(**values))
    if result.rowcount == 0:
        await connection.execute(insert(merchants).values(id=merchant.id, created_at=at, **values))


def key_digest(key: str) -> bytes:
    """What is kept of an API key: SHA-256, for keys are long and random."""
    return hashlib.sha256(key.encode()).digest()
