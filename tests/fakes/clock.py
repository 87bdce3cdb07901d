"""A clock that a test sets, and that sleepers move."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
IDLE, MOST = 8, 200
"""Turns of the event loop without anybody at work before time passes, and turns in all: sockets take a few, and
somebody who never sleeps does not hold time up for ever."""


class FakeClock:
    """Implements ports.Clock. Time stands still while anybody works, and goes to the earliest sleeper's end otherwise.

    So a poll loop costs no real time, and sleepers wake in the order of their times, however many there are.
    """

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, int]] = []
        self._numbers = itertools.count()
        self.held = False
        """While it is set no sleeper moves time: for what waits for real sockets."""

    def now(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        own = (self._now + timedelta(seconds=max(0.0, seconds)), next(self._numbers))
        heapq.heappush(self._sleepers, own)
        try:
            while True:
                await self._idle()
                if self._sleepers[0] == own and not self.held:
                    self._now = max(self._now, own[0])
                if self._now >= own[0]:
                    return
        finally:
            self._sleepers.remove(own)
            heapq.heapify(self._sleepers)

    async def _idle(self) -> None:
        """Until only sleepers are left in the event loop's queue; each of them, and nobody else, stands there once."""
        ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
        idle = 0
        for _ in range(MOST):
            await asyncio.sleep(0)
            idle = idle + 1 if len(ready) < len(self._sleepers) else 0
            if idle == IDLE:
                return

    def advance(self, seconds: float = 0, **more: float) -> None:
        """Move on, at once; `more` as timedelta takes it: `advance(days=1)`."""
        self._now += timedelta(seconds=seconds, **more)

    def set(self, moment: datetime) -> None:
        """Make it that moment, aware; also an earlier one, as after a clock was corrected."""
        self._now = moment.astimezone(UTC)
