"""Whether everything has ended: the orders of a marketplace, and the jobs that are left to do."""

from typing import Any

from sqlalchemy import func, select

from server.adapters.models import outbox
from server.application.deliver import WATCH_TRANSFERS
from server.domain.orders import Order

EVERYTHING = 1_000_000


async def all_orders(parts: Any) -> list[Order]:
    """Of a process's `Parts`; the newest first."""
    async with parts.db.read() as view:
        return list(await view.orders.recent(EVERYTHING))


async def drained(parts: Any) -> bool:
    """Whether no job is left but the watcher's next look, which there always is."""
    async with parts.db.view() as connection:
        waiting = (outbox.c.done == 0, outbox.c.topic != WATCH_TRANSFERS)
        return not await connection.scalar(select(func.count()).select_from(outbox).where(*waiting))
