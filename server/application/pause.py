"""Pause: the one switch that holds all settlement, how it is turned, and what a process sees of it."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from server.domain.outages import DatabaseUnavailable, Paused
from server.domain.switches import SETTLEMENT_PAUSED, Switch
from server.ports import Clock, Database

log = logging.getLogger(__name__)


async def turn(db: Database, clock: Clock, *, on: bool, reason: str, by: str) -> Switch:
    """Pause (`on`) or resume settlement in every process on this database, within two seconds."""
    switch = Switch(SETTLEMENT_PAUSED, on, reason, clock.now(), by)
    async with db.begin("switched") as work:
        await work.switches.put(switch)
    log.warning("settlement %s by %s", "paused" if on else "resumed", by)
    return switch


@dataclass
class PauseWatch:
    """What one process knows of the switch, at most `fresh` old. If the database does not say, nothing is assumed."""

    fresh: timedelta = timedelta(seconds=1)
    seen: Switch | None = None
    seen_at: datetime | None = None
    hinted_at: datetime | None = None
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def paused(self, db: Database, clock: Clock) -> bool:
        """Whether settlement is paused. Raises DatabaseUnavailable rather than guess."""
        if self._is_stale(clock):
            async with self.reading:  # one read for all who wait for it
                if self._is_stale(clock):
                    asked_at = clock.now()
                    async with db.read() as view:
                        self.seen = await view.switches.get(SETTLEMENT_PAUSED)
                    self.seen_at = asked_at
        return self.seen is not None and self.seen.on

    async def hint(self, db: Database, clock: Clock) -> bool:
        """As `paused`, for words only: what was known last where the database is away, and one caller asks for all."""
        now = clock.now()
        if self.hinted_at is None or abs(now - self.hinted_at) >= self.fresh:
            self.hinted_at = now
            with suppress(DatabaseUnavailable):
                await self.paused(db, clock)
        return self.seen is not None and self.seen.on

    async def require_running(self, db: Database, clock: Clock, **members: object) -> None:
        """Raises Paused, with what belongs to the case; buyers are not told the operator's reason."""
        if await self.paused(db, clock):
            raise Paused("settlement is paused; nothing was sent", **members)

    def _is_stale(self, clock: Clock) -> bool:
        return self.seen_at is None or abs(clock.now() - self.seen_at) >= self.fresh
