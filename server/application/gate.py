"""Gate: a few at a time, first come first served, so that a thousand at once are not all half done until the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

AT_ONCE = 4
LONGEST = 0.05
"""Seconds of a place: who waits for somebody's node or wallet for longer lets the next one in, and goes on. So at least
eighty a second (AT_ONCE / LONGEST) begin in a process, however slow those are."""


@dataclass
class Gate:
    """Of one process. It bounds what is begun beside each other, never for how long anybody works."""

    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place; it is free again after the block, or after LONGEST."""
        await self.places.acquire()
        held = True

        def free() -> None:
            nonlocal held
            if held:
                held = False
                self.places.release()

        late = asyncio.get_running_loop().call_later(LONGEST, free)
        try:
            yield
        finally:
            late.cancel()
            free()
