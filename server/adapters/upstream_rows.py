"""Upstreams as rows, with the audit of their changes."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import msgspec
from sqlalchemy import RowMapping, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from server.adapters.statements import Statements
from server.adapters.upstream_models import upstream_changes, upstreams
from server.domain.errors import DuplicateClaim, StaleWrite
from server.domain.upstreams import Upstream, UpstreamChange, UpstreamState, audited

_AUDIT = tuple(field.name for field in fields(UpstreamChange))


class UpstreamRows:
    """Implements ports.Upstreams."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def mark(self) -> tuple[int, int]:
        query = select(func.count(), func.coalesce(func.max(upstream_changes.c.id), 0))
        count, last = (await self._connection.execute(query.select_from(upstream_changes))).one()
        return int(count), int(last)

    async def all(self) -> Sequence[Upstream]:
        rows = (await self._connection.execute(select(upstreams).order_by(upstreams.c.slug))).mappings()
        return [_upstream(row) for row in rows]

    async def get(self, slug: str) -> Upstream | None:
        row = (await self._connection.execute(select(upstreams).where(upstreams.c.slug == slug))).mappings().first()
        return _upstream(row) if row else None

    async def add(self, upstream: Upstream) -> None:
        try:
            await self._connection.execute(insert(upstreams).values(_values(upstream)))
        except IntegrityError as error:
            raise DuplicateClaim(f"there is a service {upstream.slug!r} already") from error
        await self._note(audited(upstream, None))

    async def save(self, upstream: Upstream, old: Upstream) -> None:
        same = (upstreams.c.slug == old.slug, upstreams.c.version == old.version)
        changed = update(upstreams).where(*same).values(_values(upstream) | {"version": old.version + 1})
        if (await self._connection.execute(changed)).rowcount != 1:
            raise StaleWrite(f"{upstream.slug} was changed by somebody else")
        await self._note(audited(upstream, old))

    async def changes(self, slug: str, limit: int) -> Sequence[UpstreamChange]:
        own = select(upstream_changes).where(upstream_changes.c.slug == slug)
        rows = (await self._connection.execute(own.order_by(upstream_changes.c.id.desc()).limit(limit))).mappings()
        return [UpstreamChange(**{name: row[name] for name in _AUDIT}) for row in rows]

    async def _note(self, line: UpstreamChange) -> None:
        await self._connection.execute(insert(upstream_changes).values({name: getattr(line, name) for name in _AUDIT}))


def _values(upstream: Upstream) -> dict[str, Any]:
    values = {field.name: getattr(upstream, field.name) for field in fields(Upstream)}
    return values | {"tags": msgspec.json.encode(upstream.tags).decode()}


def _upstream(row: RowMapping) -> Upstream:
    tags = tuple(msgspec.json.decode(row["tags"], type=list[str]))
    return Upstream(**dict(row) | {"tags": tags, "state": UpstreamState(row["state"])})
