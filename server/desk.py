"""The desk: what a command needs that manages merchants, webhooks and providers' services, without a chain."""

import argparse
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.adapters.merchant_rows import all_merchants
from server.application.post import Post
from server.bootstrap import post_for
from server.domain.market import Merchant
from server.settings import Settings, load


@dataclass(frozen=True)
class Desk:
    """Implements application.post.Office: see there."""

    db: SqlDatabase
    clock: SystemClock
    post: Post
    merchants: Mapping[str, Merchant]


Does = Callable[[Desk, argparse.Namespace], Awaitable[None]]


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


async def at_desk(does: Does, given: argparse.Namespace) -> int:
    """Run a command with a desk; its exit status."""
    async with open_desk(load(role="webhook")) as desk:
        await does(desk, given)
    return 0
