"""Upstreams: what is kept of them, and the way to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from server.domain.upstreams import Upstream, UpstreamChange


class Upstreams(Protocol):
    """Endpoints of providers that are sold here; none is ever removed."""

    async def mark(self) -> tuple[int, int]:
        """Something that differs after each change: a cheap look before `all`."""

    async def all(self) -> Sequence[Upstream]:
        """Every one, by slug."""

    async def get(self, slug: str) -> Upstream | None:
        """The one of that slug, or None."""

    async def add(self, upstream: Upstream) -> None:
        """Store a new one and the first line of its audit. Raises DuplicateClaim where the slug is taken."""

    async def save(self, upstream: Upstream, old: Upstream) -> None:
        """Store it, its version counted up, in the place of the one that was read, and a line in the audit: both or
        none. Raises StaleWrite if somebody else wrote since."""

    async def changes(self, slug: str, limit: int) -> Sequence[UpstreamChange]:
        """The audit of one, newest first. Lines are added, never changed."""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """One request to an upstream; `seconds` is how long it may take."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class Reached:
    """What came of it. `status` is None when no answer came; then `error` says why, in our words, and `begun` whether
    the upstream may have worked on it. `whole` is False where the body is longer than may be, or broke off."""

    status: int | None
    body: bytes = b""
    media_type: str = ""
    whole: bool = True
    begun: bool = True
    error: str = ""


class Gateway(Protocol):
    """The way out to upstreams."""

    async def forward(self, request: Forwarded) -> Reached:
        """One request, once, over within its seconds. Never raises for what the other side does or is.

        Connects to no address that the egress rules refuse, and follows no redirect. Never repeated by itself.
        """
