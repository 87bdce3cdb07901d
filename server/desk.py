"""The desk: what a command needs that manages merchants, webhooks and providers' services, without a chain."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.adapters.merchant_rows import all_merchants
from server.application.post import Post
from server.bootstrap import post_for
from server.domain.market import Merchant
from server.settings import Settings


@dataclass(frozen=True)
class Desk:
    """Implements application.post.Office: see there."""

    db: SqlDatabase
    clock: SystemClock
    post: Post
    merchants: Mapping[str, Merchant]


@asynccontextmanager
async def open_desk(settings: Settings) -> AsyncIterator[Desk]:
    """Database and keys, for a command."""
    clock = SystemClock()
    db = SqlDatabase(settings.database_url, clock)
    try:
        async with db.view() as connection:
            merchants = await all_merchants(connection)
        yield Desk(db, clock, post_for(settings), merchants)
    finally:
        await db.close()
