"""Upstreams in the fake database."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from server.domain.errors import DuplicateClaim, StaleWrite
from server.domain.upstreams import Upstream, UpstreamChange, audited
from tests.fakes.tables import Tables


@dataclass(frozen=True)
class FakeUpstreams:
    """Implements ports.Upstreams."""

    tables: Tables

    async def mark(self) -> tuple[int, int]:
        return len(self.tables.upstream_changes), 0

    async def all(self) -> Sequence[Upstream]:
        return [upstream for _, upstream in sorted(self.tables.upstreams.items())]

    async def get(self, slug: str) -> Upstream | None:
        return self.tables.upstreams.get(slug)

    async def add(self, upstream: Upstream) -> None:
        if upstream.slug in self.tables.upstreams:
            raise DuplicateClaim(f"there is a service {upstream.slug!r} already")
        self.tables.upstreams[upstream.slug] = upstream
        self.tables.upstream_changes.append(audited(upstream, None))

    async def save(self, upstream: Upstream, old: Upstream) -> None:
        if self.tables.upstreams[old.slug].version != old.version:
            raise StaleWrite(f"{upstream.slug} was changed by somebody else")
        self.tables.upstreams[upstream.slug] = replace(upstream, version=old.version + 1)
        self.tables.upstream_changes.append(audited(upstream, old))

    async def changes(self, slug: str, limit: int) -> Sequence[UpstreamChange]:
        return [line for line in reversed(self.tables.upstream_changes) if line.slug == slug][:limit]
