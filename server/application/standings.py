"""Standings: what one process shows of merchants' identities and checked reviews, at most two seconds old."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from server.domain.outages import DatabaseUnavailable
from server.domain.reputation import Identity, Standing, Tally, standing_of
from server.ports import Clock, Database


@dataclass(frozen=True)
class Shown:
    """Everything at one moment, sorted when it is first asked for."""

    tallies: Sequence[Tally] = ()
    identities: Sequence[Identity] = ()

    def of_service(self, merchant: str, service: str) -> Standing:
        """What reviews say of one service."""
        return standing_of(self._by_service.get((merchant, service), ()))

    def of_merchant(self, merchant: str) -> Standing:
        """What reviews say of all services of a merchant."""
        return standing_of(one for one in self.tallies if one.merchant == merchant)

    @cached_property
    def _by_service(self) -> Mapping[tuple[str, str], Sequence[Tally]]:
        found: defaultdict[tuple[str, str], list[Tally]] = defaultdict(list)
        for one in self.tallies:
            found[one.merchant, one.service].append(one)
        return found

    def badge(self, merchant: str) -> Identity | None:
        """The merchant's first verified identity; without one it has no badge."""
        return next((one for one in self.identities if one.merchant == merchant and one.verified), None)


@dataclass
class Standings:
    """Read by every listing and page, so that none of them costs a query of its own."""

    fresh: timedelta = timedelta(seconds=2)
    shown: Shown = field(default_factory=Shown)
    read_at: datetime | None = None
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self, db: Database, clock: Clock) -> Shown:
        """What is kept, or was known last where the database is away: it is only shown, and decides nothing."""
        if self._is_stale(clock):
            async with self.reading:  # one read for all who wait for it
                if self._is_stale(clock):
                    self.read_at = clock.now()
                    with suppress(DatabaseUnavailable):
                        async with db.read() as view:
                            self.shown = Shown(await view.reputation.tallies(), await view.reputation.identities())
        return self.shown

    def _is_stale(self, clock: Clock) -> bool:
        return self.read_at is None or abs(clock.now() - self.read_at) >= self.fresh
