"""Waking those who wait: for one settlement's outcome, for more work of a settler, or for what it sent."""

import asyncio
from collections.abc import Sequence

from server.domain.settlements import Settlement
from server.ports import Clock

_WORK, _FLIGHT = "work", "flight"
"""No settlement's id is one of these: they are hashes."""
Told = Settlement | None


class Wakeups:
    """Events of one process; waits end by the clock as well, since other processes record outcomes too."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, set[asyncio.Future[Told]]] = {}

    def change(self) -> None:
        """Something arrived or landed."""
        self._tell(_WORK, None)

    async def next_change(self, timeout: float) -> None:
        """Until the next change, or so many seconds."""
        await self.wait(_WORK, timeout)

    def sent(self) -> None:
        """Something is in flight that was not."""
        self._tell(_FLIGHT, None)

    async def next_sent(self, timeout: float) -> None:
        """Until the next one is in flight, or so many seconds."""
        await self.wait(_FLIGHT, timeout)

    def recorded(self, settlements: Sequence[Settlement]) -> None:
        """These are stored as they are here; it is a change too."""
        for one in settlements:
            self._tell(one.id, one)
        self.change()

    def wake(self, settlements: Sequence[Settlement]) -> None:
        """These may be stored with an outcome, by another process; it is a change too."""
        for one in settlements:
            self._tell(one.id, None)
        self.change()

    async def wait(self, name: str, timeout: float) -> Told:
        """Until something is told of that name, or so many seconds: the settlement, where it was told as stored."""
        told: asyncio.Future[Told] = asyncio.get_running_loop().create_future()  # one for each waiter
        self._waiting.setdefault(name, set()).add(told)
        asleep = asyncio.ensure_future(self._clock.sleep(timeout))
        try:
            await asyncio.wait((told, asleep), return_when=asyncio.FIRST_COMPLETED)
        finally:
            asleep.cancel()
            if waiting := self._waiting.get(name):
                waiting.discard(told)
                if not waiting:
                    del self._waiting[name]
        return told.result() if told.done() else None

    def _tell(self, name: str, settlement: Told) -> None:
        for told in self._waiting.pop(name, ()):
            told.set_result(settlement)
