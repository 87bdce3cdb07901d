"""Waking those who wait: for one settlement's outcome, or for any change of a settler's work."""

import asyncio

from server.ports import Clock

_ANYTHING = ""


class Wakeups:
    """Events of one process; waits end by the clock as well, since other processes record outcomes too."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def change(self) -> None:
        """Something arrived, left or landed."""
        self._set(_ANYTHING)

    async def next_change(self, timeout: float) -> None:
        """Until the next change, or so many seconds."""
        await self.wait(_ANYTHING, timeout)

    def wake(self, *names: str) -> None:
        """The outcomes of these are recorded; it is a change too."""
        for name in names:
            self._set(name)
        self.change()

    async def wait(self, name: str, timeout: float) -> None:
        """Until that name's outcome is recorded, or so many seconds."""
        event = asyncio.Event()  # one for each waiter: a shared one, cleared by another waiter, would lose a wakeup
        self._waiting.setdefault(name, set()).add(event)
        tasks = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self._clock.sleep(timeout))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            if waiting := self._waiting.get(name):
                waiting.discard(event)
                if not waiting:
                    del self._waiting[name]

    def _set(self, name: str) -> None:
        for event in self._waiting.pop(name, ()):
            event.set()
