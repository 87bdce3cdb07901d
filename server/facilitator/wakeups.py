"""Waking those who wait: for one settlement's outcome, or for any change of a settler's work."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from server.ports import Clock


class Wakeups:
    """Events of one process; waits end by the clock as well, since other processes record outcomes too."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = asyncio.Event()
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def change(self) -> None:
        """Something arrived, left or landed."""
        self._changed.set()

    async def next_change(self, timeout: float) -> None:
        """Until the next change, or so many seconds."""
        self._changed.clear()
        await self._first(self._changed.wait(), timeout)

    def wake(self, *names: str) -> None:
        """The outcomes of these are recorded; it is a change too."""
        for name in names:
            for event in self._waiting.pop(name, ()):
                event.set()
        self.change()

    async def wait(self, name: str, timeout: float) -> None:
        """Until that name's outcome is recorded, or so many seconds."""
        event = asyncio.Event()
        self._waiting.setdefault(name, set()).add(event)
        try:
            await self._first(event.wait(), timeout)
        finally:
            self._waiting.get(name, set()).discard(event)

    async def _first(self, wanted: Awaitable[Any], timeout: float) -> None:
        tasks = [asyncio.ensure_future(wanted), asyncio.ensure_future(self._clock.sleep(timeout))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
