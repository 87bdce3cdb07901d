"""Endings: what came of jobs, written down for all at once that end while an earlier unit of work is written."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from server.ports import Database, Job


@dataclass(frozen=True, slots=True)
class Ending:
    """A job that is done, or, with `due`, put off until then; `error` is for the operator."""

    job: Job
    due: datetime | None
    error: str | None


@dataclass(slots=True)
class _Together:
    """What shares a unit of work."""

    endings: list[Ending] = field(default_factory=list)
    written: bool = False


@dataclass
class Endings:
    """Of one process. Whoever has the turn writes what gathered while he waited for it."""

    _gathering: _Together = field(default_factory=_Together)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def write(self, db: Database, ending: Ending) -> None:
        """Returns when it is stored. What could not be written is tried again by each of those whom it concerns."""
        own = self._gathering
        own.endings.append(ending)
        async with self._turn:
            if own.written:
                return
            if own is self._gathering:
                self._gathering = _Together()
            async with db.begin("job") as work:
                for one in own.endings:
                    if one.due is None:
                        await work.outbox.finish(one.job)
                    else:
                        await work.outbox.put_off(one.job, one.due, one.error)
            own.written = True
