"""Ranks: what one process knows of services' records and scores, counted once a minute for all listings and pages."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from server.application.standings import Shown, Standings
from server.domain.ranking import NO_RECORD, WINDOW, Record, score
from server.domain.reputation import Standing
from server.ports import Clock, Database
from server.services.service import Service

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ranked:
    """Everything at one moment; services that nobody bought have the score that follows from that."""

    records: Mapping[str, Record] = field(default_factory=dict)
    scores: Mapping[str, int] = field(default_factory=dict)
    verified: frozenset[str] = frozenset()
    """Merchants whose identity is verified."""

    def record(self, slug: str) -> Record:
        """What became of a service's calls."""
        return self.records.get(slug, NO_RECORD)

    def score(self, service: Service) -> int:
        """0 to 1000."""
        known = self.scores.get(service.slug)
        return _UNSOLD[service.merchant in self.verified] if known is None else known


_UNSOLD = {known: score(NO_RECORD, Standing(), verified=known) for known in (False, True)}


@dataclass
class Ranks:
    """What was counted last. It is shown for a minute, or twenty times as long as counting took if that is longer; who
    asks when it is over waits a moment at most for the next, and is shown the last if counting takes longer."""

    least: timedelta = timedelta(minutes=1)
    patience: int = 20
    moment: float = 0.25
    ranked: Ranked = field(default_factory=Ranked)
    good_from: datetime | None = None
    good_until: datetime | None = None
    counting: asyncio.Task[None] | None = None

    async def read(self, db: Database, clock: Clock, standings: Standings, services: Mapping[str, Service]) -> Ranked:
        """It is only shown, and decides nothing."""
        if self._is_over(clock.now()) and (self.counting is None or self.counting.done()):
            self.counting = asyncio.create_task(self._count(db, clock, standings, services))
        if self.counting and not self.counting.done():
            await asyncio.wait({self.counting}, timeout=self.moment)
        return self.ranked

    def _is_over(self, now: datetime) -> bool:
        return self.good_from is None or self.good_until is None or not self.good_from <= now < self.good_until

    async def _count(self, db: Database, clock: Clock, standings: Standings, services: Mapping[str, Service]) -> None:
        begun = clock.now()
        try:
            shown = await standings.read(db, clock)
            async with db.survey() as view:
                records = await view.tallies.records(begun - WINDOW)
            self.ranked = _ranked(records, shown, services)
        except Exception as error:
            log.warning("records cannot be counted: %s", type(error).__name__)
        self.good_from, now = begun, clock.now()
        self.good_until = max(begun + self.least, now + self.patience * (now - begun))


def _ranked(records: Mapping[str, Record], shown: Shown, services: Mapping[str, Service]) -> Ranked:
    verified = frozenset(one.merchant for one in shown.identities if one.verified)
    scores = {
        slug: score(record, shown.of_service(sold.merchant, slug), verified=sold.merchant in verified)
        for slug, record in records.items()
        if (sold := services.get(slug))
    }
    return Ranked(records, scores, verified)
