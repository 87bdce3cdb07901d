"""The outbox as rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from server.adapters.models import outbox
from server.ports import Job


class OutboxRows:
    """Implements ports.Outbox: one row for each topic and subject, reopened when the work is asked for again."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, topic: str, subject: str, due: datetime) -> None:
        if not await self._reopen(topic, subject, due):
            await self._insert(topic, subject, due)

    async def ensure(self, topic: str, subject: str, due: datetime) -> None:
        if not await self._reopen(topic, subject, due, outbox.c.done == 1):
            known = select(outbox.c.id).where(outbox.c.id == f"{topic}:{subject}")
            if (await self._connection.execute(known)).first() is None:
                await self._insert(topic, subject, due)

    async def due(self, now: datetime) -> bool:
        query = select(outbox.c.id).where(_ready(now)).limit(1)
        return (await self._connection.execute(query)).first() is not None

    async def take(self, now: datetime, until: datetime, limit: int) -> Sequence[Job]:
        query = select(outbox).where(_ready(now)).order_by(outbox.c.due).limit(limit).with_for_update(skip_locked=True)
        rows = (await self._connection.execute(query)).mappings().all()
        if rows:
            taken = [row["id"] for row in rows]
            await self._connection.execute(
                update(outbox).where(outbox.c.id.in_(taken)).values(lease_until=until, attempts=outbox.c.attempts + 1)
            )
        return [Job(row["id"], row["topic"], row["subject"], row["generation"], row["attempts"] + 1) for row in rows]

    async def finish(self, job: Job) -> None:
        await self._connection.execute(
            update(outbox)
            .where(outbox.c.id == job.id, outbox.c.generation == job.generation)
            .values(done=1, lease_until=None, error=None)
        )
        await self._connection.execute(
            update(outbox).where(outbox.c.id == job.id, outbox.c.generation != job.generation).values(lease_until=None)
        )

    async def put_off(self, job: Job, due: datetime, error: str | None) -> None:
        own = (outbox.c.id == job.id) & (outbox.c.generation == job.generation)
        tried = {"due": due, "error": error} | ({} if error else {"attempts": 0})
        await self._connection.execute(update(outbox).where(own).values(tried))
        await self._connection.execute(update(outbox).where(outbox.c.id == job.id).values(lease_until=None))

    async def waiting(self) -> int:
        query = select(func.count()).select_from(outbox).where(outbox.c.done == 0)
        return (await self._connection.execute(query)).scalar_one()

    async def overdue(self, now: datetime) -> datetime | None:
        query = select(func.min(outbox.c.due)).where(_ready(now))
        since: datetime | None = (await self._connection.execute(query)).scalar_one()
        return since

    async def failing(self, times: int) -> Mapping[str, int]:
        failed = and_(outbox.c.done == 0, outbox.c.error.is_not(None), outbox.c.attempts >= times)
        query = select(outbox.c.topic, func.count().label("jobs")).where(failed).group_by(outbox.c.topic)
        return {row.topic: row.jobs for row in await self._connection.execute(query)}

    async def _insert(self, topic: str, subject: str, due: datetime) -> None:
        values = {"id": f"{topic}:{subject}", "topic": topic, "subject": subject, "due": due}
        try:
            async with self._connection.begin_nested():
                await self._connection.execute(insert(outbox).values(**values, generation=1, attempts=0, done=0))
        except IntegrityError:  # another process asked first
            await self._reopen(topic, subject, due)

    async def _reopen(self, topic: str, subject: str, due: datetime, *only: ColumnElement[bool]) -> bool:
        result = await self._connection.execute(
            update(outbox)
            .where(outbox.c.id == f"{topic}:{subject}", *only)
            .values(generation=outbox.c.generation + 1, attempts=0, due=due, done=0, error=None)
        )
        return result.rowcount == 1


def _ready(now: datetime) -> ColumnElement[bool]:
    free = or_(outbox.c.lease_until.is_(None), outbox.c.lease_until <= now)
    return and_(outbox.c.done == 0, outbox.c.due <= now, free)
