"""The outbox as rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, and_, bindparam, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from server.adapters.models import outbox
from server.adapters.statements import Statements
from server.ports import Job

_O = outbox.c
_READY = and_(
    _O.done == 0,
    _O.due <= bindparam("now"),
    or_(_O.lease_until.is_(None), _O.lease_until <= bindparam("now")),
)
_DUE = select(_O.id).where(_READY).limit(1)
_READY_JOBS = (
    select(_O.id, _O.topic, _O.subject, _O.generation, _O.attempts)
    .where(_READY)
    .order_by(_O.due)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_TAKE = update(outbox).where(_O.id.in_(bindparam("ids", expanding=True))).values(attempts=_O.attempts + 1)
_JOB = update(outbox).where(_O.id == bindparam("job"))
_OWN = _JOB.where(_O.generation == bindparam("taken"))
_ASKED_AGAIN = _JOB.where(_O.generation != bindparam("taken"))


def _asked(insert: Any, *, only_done: bool) -> Executable:
    """A new row, or the old one opened again."""
    row = insert(outbox).values(generation=1, attempts=0, done=0)
    again = {"generation": _O.generation + 1, "attempts": 0, "due": row.excluded.due, "done": 0, "error": None}
    opened: Executable = row.on_conflict_do_update(
        index_elements=[_O.id], set_=again, where=_O.done == 1 if only_done else None
    )
    return opened


_DIALECTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_ADD = {name: _asked(insert, only_done=False) for name, insert in _DIALECTS.items()}
_ENSURE = {name: _asked(insert, only_done=True) for name, insert in _DIALECTS.items()}


class OutboxRows:
    """Implements ports.Outbox: one row for each topic and subject, reopened when the work is asked for again."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def add(self, topic: str, subject: str, due: datetime) -> None:
        await self._connection.execute(_ADD[self._connection.dialect.name], _row(topic, subject, due))

    async def ensure(self, topic: str, subject: str, due: datetime) -> None:
        await self._connection.execute(_ENSURE[self._connection.dialect.name], _row(topic, subject, due))

    async def due(self, now: datetime) -> bool:
        return (await self._connection.execute(_DUE, {"now": now})).first() is not None

    async def take(self, now: datetime, until: datetime, limit: int) -> Sequence[Job]:
        rows = (await self._connection.execute(_READY_JOBS, {"now": now, "limit": limit})).mappings().all()
        if rows:
            await self._connection.execute(_TAKE, {"ids": [row["id"] for row in rows], "lease_until": until})
        return [Job(row["id"], row["topic"], row["subject"], row["generation"], row["attempts"] + 1) for row in rows]

    async def finish(self, job: Job) -> None:
        taken = {"job": job.id, "taken": job.generation, "lease_until": None}
        if (await self._connection.execute(_OWN, taken | {"done": 1, "error": None})).rowcount == 0:
            await self._connection.execute(_ASKED_AGAIN, taken)

    async def put_off(self, job: Job, due: datetime, error: str | None) -> None:
        tried = {"due": due, "error": error, "lease_until": None} | ({} if error else {"attempts": 0})
        if (await self._connection.execute(_OWN, tried | {"job": job.id, "taken": job.generation})).rowcount == 0:
            await self._connection.execute(_JOB, {"job": job.id, "lease_until": None})

    async def waiting(self) -> int:
        query = select(func.count()).select_from(outbox).where(_O.done == 0)
        return int((await self._connection.execute(query)).scalar_one())

    async def overdue(self, now: datetime) -> datetime | None:
        query = select(func.min(_O.due)).where(_READY)
        since: datetime | None = (await self._connection.execute(query, {"now": now})).scalar_one()
        return since

    async def failing(self, times: int) -> Mapping[str, int]:
        failed = and_(_O.done == 0, _O.error.is_not(None), _O.attempts >= times)
        query = select(_O.topic, func.count().label("jobs")).where(failed).group_by(_O.topic)
        return {row.topic: row.jobs for row in await self._connection.execute(query)}


def _row(topic: str, subject: str, due: datetime) -> dict[str, Any]:
    return {"id": f"{topic}:{subject}", "topic": topic, "subject": subject, "due": due}
