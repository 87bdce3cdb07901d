"""Catalogue: bring what is on sale of providers up to date, in every process and without a new start."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from server.domain.errors import ConfigurationError, PaddockError
from server.domain.upstreams import Upstream
from server.payments import MODES, mode_named
from server.ports import Database
from server.services.service import Service
from server.services.upstream import Door, service_of

log = logging.getLogger(__name__)

REFRESH = 1.0
"""Seconds after which every process knows what was changed."""


@dataclass
class Shelf:
    """What one process knows of upstreams: services that are sold, and those that only have orders still."""

    services: MutableMapping[str, Service]
    off_sale: MutableMapping[str, Service]
    door: Door | None
    seen: tuple[int, int] | None = None
    known: dict[str, Upstream] = field(default_factory=dict)

    async def refresh(self, db: Database) -> None:
        """Read what changed. One that cannot be understood is not sold, and keeps nothing else from being sold."""
        async with db.read() as view:
            mark = await view.upstreams.mark()
            rows = [] if mark == self.seen else await view.upstreams.all()
        for upstream in rows:
            if self.known.get(upstream.slug) != upstream:
                self._place(upstream)
                self.known[upstream.slug] = upstream
        self.seen = mark

    def _place(self, upstream: Upstream) -> None:
        try:
            service = service_of(upstream, self.door)
        except PaddockError as error:
            log.error("%s cannot be sold: %s", upstream.slug, error.detail)
            self.services.pop(upstream.slug, None)
            return
        here, there = (self.services, self.off_sale) if service.on_sale else (self.off_sale, self.services)
        here[upstream.slug] = service
        there.pop(upstream.slug, None)


def _require_mode(service: Service) -> None:
    try:
        facts = mode_named(service.mode).facts
    except KeyError as error:
        known = ", ".join(mode.facts.name for mode in MODES)
        raise ConfigurationError(f"{service.slug}: mode {service.mode!r} is none of {known}") from error
    if facts.calls_contract != (service.callback is not None):
        verb = "calls a contract: name it" if facts.calls_contract else "calls no contract: name none"
        raise ConfigurationError(f"{service.slug}: the mode {facts} {verb} (callback)")


@asynccontextmanager
async def kept_shelf(own: Iterable[Service], door: Door, db: Database, *, browser: bool) -> AsyncIterator[Shelf]:
    """What the code sells and what providers sell: read before the block begins, and again and again while it lasts.

    Without a `browser` that may be used, what needs one is not on sale. Raises ConfigurationError for a mode that is
    none of `MODES`, or does not go with the service's callback.
    """
    shelf = Shelf({}, {}, door)
    for service in own:
        _require_mode(service)
        if service.needs_browser and not browser:
            shelf.off_sale[service.slug] = replace(service, on_sale=False)
        else:
            shelf.services[service.slug] = service
    await shelf.refresh(db)

    async def refresh() -> None:
        while True:
            await asyncio.sleep(REFRESH)
            try:
                await shelf.refresh(db)
            except Exception as error:
                log.warning("the upstreams cannot be read again: %s", type(error).__name__)

    task = asyncio.create_task(refresh())
    try:
        yield shelf
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
