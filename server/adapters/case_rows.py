"""Cases and their timelines as rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from server.adapters.case_models import case_events, cases
from server.adapters.statements import Statements
from server.domain.cases import Case, CaseKind, CaseState, Opening, Outcome, opened
from server.domain.errors import DuplicateClaim, StaleWrite
from server.ports import CaseEvent, Clock

_STORED = tuple(name for name in Case.__dataclass_fields__ if name != "changes")
_MUTABLE = ("state", "outcome", "reason", "resolved_at")


class CaseRows:
    """Implements ports.Cases."""

    def __init__(self, connection: Statements, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def open(self, opening: Opening) -> Case:
        known = await self._open_one(opening)
        if known:
            return known
        case = opened(opening, self._clock.now())
        try:
            async with self._connection.begin_nested():
                await self._connection.execute(insert(cases).values(**{n: getattr(case, n) for n in _STORED}))
        except IntegrityError as error:  # another process was first, or the request opened one that is over
            known = await self._open_one(opening)
            if known is None:
                raise DuplicateClaim("this request has opened a case before") from error
            return known
        await self._write_changes(case)
        return case

    async def get(self, case_id: str) -> Case | None:
        found = await self._select(cases.c.id == case_id)
        return found[0] if found else None

    async def about(self, kind: CaseKind, subject: str) -> Case | None:
        found = await self._select(cases.c.kind == kind, cases.c.subject == subject, limit=1)
        return found[0] if found else None

    async def of(self, order_id: str) -> Sequence[Case]:
        return await self._select(cases.c.order_id == order_id)

    async def listed(
        self, limit: int, *, state: CaseState | None = None, kind: CaseKind | None = None, merchant: str | None = None
    ) -> Sequence[Case]:
        wanted = ((cases.c.state, state), (cases.c.kind, kind), (cases.c.merchant, merchant))
        return await self._select(*(column == value for column, value in wanted if value is not None), limit=limit)

    async def open_kinds(self) -> Mapping[CaseKind, int]:
        query = select(cases.c.kind, func.count()).where(cases.c.state == CaseState.OPEN).group_by(cases.c.kind)
        return {CaseKind(kind): count for kind, count in await self._connection.execute(query)}

    async def save(self, case: Case) -> None:
        result = await self._connection.execute(
            update(cases)
            .where(cases.c.id == case.id, cases.c.version == case.version)
            .values(**{name: getattr(case, name) for name in _MUTABLE}, version=case.version + 1)
        )
        if result.rowcount != 1:
            raise StaleWrite(f"case {case.id} was changed by somebody else")
        case.version += 1
        await self._write_changes(case)

    async def timeline(self, case_id: str) -> Sequence[CaseEvent]:
        query = select(case_events).where(case_events.c.case_id == case_id).order_by(case_events.c.sequence)
        return [CaseEvent(**row) for row in (await self._connection.execute(query)).mappings()]

    async def _open_one(self, opening: Opening) -> Case | None:
        same = (cases.c.kind == opening.kind, cases.c.subject == opening.subject)
        found = await self._select(*same, cases.c.state == CaseState.OPEN)
        return found[0] if found else None

    async def _select(self, *conditions: ColumnElement[bool], limit: int | None = None) -> list[Case]:
        query = select(cases).where(*conditions).order_by(cases.c.opened_at.desc(), cases.c.id).limit(limit)
        return [_case(row) for row in (await self._connection.execute(query)).mappings()]

    async def _write_changes(self, case: Case) -> None:
        if case.changes:
            at = self._clock.now()
            rows: list[dict[str, Any]] = [
                {"case_id": case.id, "at": at, "what": change.what, "by": change.by, "note": change.note}
                for change in case.changes
            ]
            await self._connection.execute(insert(case_events), rows)
            case.changes.clear()


def _case(row: RowMapping) -> Case:
    values = dict(row) | {"kind": CaseKind(row["kind"]), "state": CaseState(row["state"])}
    return Case(**values | {"outcome": Outcome(row["outcome"]) if row["outcome"] else None})
