"""The relay: hands due jobs from the outbox to the broker, and asks for the work that nobody asks for."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from server.application.cases import CASES
from server.application.close_hours import CLOSE_HOURS
from server.application.deliver import RECONCILE, RESEND, RESOLVE, WATCH, WATCH_TRANSFERS
from server.application.paddock import Paddock
from server.application.read_reputation import READ_REPUTATION
from server.application.resend import anything_to_resend
from server.domain.outages import ChainUnavailable
from server.ports import Job

log = logging.getLogger(__name__)

JOB_LEASE = timedelta(seconds=15)
"""A job that the broker or a dead worker lost comes back after this long."""
SWEEP_EVERY = timedelta(seconds=3)
RECONCILE_EVERY = timedelta(seconds=30)
IDLE = 0.05
MOST_AT_ONCE = 100


async def relay(
    paddock: Paddock, hand_over: Callable[[Job], None], stop: asyncio.Event, alive: Callable[[], None]
) -> None:
    """Until `stop`: take due jobs, hand them over, and sweep now and then. Outlives every failure of the database.

    `alive` is called after each sweep, for whoever watches the process.
    """
    swept = reconciled = paddock.clock.now() - timedelta(days=1)
    while not stop.is_set():
        try:
            now = paddock.clock.now()
            if now - swept >= SWEEP_EVERY:
                await sweep(paddock)
                swept = now
                alive()
            if now - reconciled >= RECONCILE_EVERY:
                async with paddock.db.begin("ask to reconcile") as work:
                    await work.outbox.add(RECONCILE, "books", now)
                    await work.outbox.add(WATCH, "wallets", now)
                    await work.outbox.add(CASES, "orders", now)
                    await work.outbox.ensure(CLOSE_HOURS, "hours", now)
                    for network in paddock.grounds:
                        await work.outbox.ensure(WATCH_TRANSFERS, network, now)
                        await work.outbox.ensure(READ_REPUTATION, network, now)
                reconciled = now
            if not await hand_out(paddock, hand_over):
                await paddock.clock.sleep(IDLE)
        except Exception:
            log.exception("the relay stumbles and goes on")
            await paddock.clock.sleep(1.0)


async def hand_out(paddock: Paddock, hand_over: Callable[[Job], None]) -> int:
    """Lease due jobs and hand them over; how many there were."""
    now = paddock.clock.now()
    async with paddock.db.read() as view:
        if not await view.outbox.due(now):
            return 0
    async with paddock.db.begin("jobs taken") as work:
        jobs = await work.outbox.take(now, now + JOB_LEASE, MOST_AT_ONCE)
    for job in jobs:
        hand_over(job)
    return len(jobs)


async def sweep(paddock: Paddock) -> int:
    """Ask for a look at every order that has something to come and that nobody works on, and at unmined sendings."""
    now = paddock.clock.now()
    async with paddock.db.read() as view:
        wanted = [(RESOLVE, order_id) for order_id in await view.orders.unfinished(now, 500)]
    for network in paddock.grounds:
        with suppress(ChainUnavailable):  # the next sweep asks again
            wanted += [(RESEND, network)] if await anything_to_resend(paddock, network) else []
    if wanted:
        async with paddock.db.begin("swept") as work:
            for topic, subject in wanted:
                await work.outbox.ensure(topic, subject, now)
    return len(wanted)
