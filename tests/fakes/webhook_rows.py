"""Webhooks in the fake database."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import TypeVar

from server.domain.errors import DuplicateClaim, StaleWrite, UnknownWebhook
from server.domain.webhooks import Announcement, DeliveryState, Endpoint, WebhookDelivery
from server.ports import Clock
from tests.fakes.tables import Tables

Row = TypeVar("Row", Endpoint, WebhookDelivery)


@dataclass(frozen=True)
class FakeWebhooks:
    """Implements ports.Webhooks."""

    tables: Tables
    clock: Clock

    async def add_endpoint(self, endpoint: Endpoint) -> None:
        self.tables.endpoints[endpoint.id] = replace(endpoint)

    async def endpoint(self, endpoint_id: str) -> Endpoint | None:
        found = self.tables.endpoints.get(endpoint_id)
        return replace(found) if found else None

    async def save_endpoint(self, endpoint: Endpoint) -> None:
        _save(self.tables.endpoints, endpoint)

    async def note_health(self, endpoint_id: str, failures: int, quiet_until: datetime | None) -> None:
        stored = self.tables.endpoints[endpoint_id]
        self.tables.endpoints[endpoint_id] = replace(stored, failures=failures, quiet_until=quiet_until)

    async def endpoints_of(self, merchant: str) -> Sequence[Endpoint]:
        own = [row for row in self.tables.endpoints.values() if row.merchant == merchant and row.removed_at is None]
        return [replace(row) for row in sorted(own, key=attrgetter("created_at", "id"))]

    async def listed(self, limit: int) -> Sequence[Endpoint]:
        there = sorted((row for row in self.tables.endpoints.values() if row.removed_at is None), key=attrgetter("id"))
        return [replace(row) for row in sorted(there, key=attrgetter("created_at"), reverse=True)[:limit]]

    async def next_of(self, order_id: str) -> tuple[int, datetime]:
        made = [row.sequence for row in self.tables.announcements.values() if row.order_id == order_id]
        return max(made, default=0) + 1, self.clock.now()

    async def announce(self, announcement: Announcement, deliveries: Sequence[WebhookDelivery]) -> None:
        key = announcement.order_id, announcement.sequence
        if any((row.order_id, row.sequence) == key for row in self.tables.announcements.values()):
            raise DuplicateClaim(f"order {announcement.order_id} has an announcement of that number")
        self.tables.announcements[announcement.id] = announcement
        for delivery in deliveries:
            number = len(self.tables.webhook_deliveries) + 1
            self.tables.webhook_deliveries[delivery.id] = replace(delivery, number=number)

    async def body(self, announcement_id: str) -> bytes:
        if announcement_id not in self.tables.announcements:
            raise UnknownWebhook(f"there is no announcement {announcement_id}")
        return self.tables.announcements[announcement_id].body

    async def next_delivery(self, endpoint_id: str, order_id: str) -> WebhookDelivery | None:
        own = (row for row in self.tables.webhook_deliveries.values() if row.state is DeliveryState.WAITING)
        waiting = [row for row in own if (row.endpoint_id, row.order_id) == (endpoint_id, order_id)]
        return replace(min(waiting, key=attrgetter("sequence"))) if waiting else None

    async def delivery(self, delivery_id: str) -> WebhookDelivery | None:
        found = self.tables.webhook_deliveries.get(delivery_id)
        return replace(found) if found else None

    async def save_delivery(self, delivery: WebhookDelivery) -> None:
        _save(self.tables.webhook_deliveries, delivery)

    async def deliveries(self, endpoint_id: str, before: int | None, limit: int) -> Sequence[WebhookDelivery]:
        own = [row for row in self.tables.webhook_deliveries.values() if row.endpoint_id == endpoint_id]
        found = [row for row in own if before is None or row.number < before]
        return [replace(row) for row in sorted(found, key=attrgetter("number"), reverse=True)[:limit]]

    async def deliveries_of(self, order_id: str, merchant: str) -> Sequence[WebhookDelivery]:
        own = {row.id for row in self.tables.endpoints.values() if row.merchant == merchant}
        told = [row for row in self.tables.webhook_deliveries.values() if row.endpoint_id in own]
        found = [row for row in told if row.order_id == order_id]
        return [replace(row) for row in sorted(found, key=attrgetter("number"))]

    async def backlog(self, endpoints: Sequence[str]) -> Mapping[tuple[str, str], int]:
        stuck = {DeliveryState.WAITING, DeliveryState.DEAD}
        rows = [row for row in self.tables.webhook_deliveries.values() if row.state in stuck]
        return Counter((row.endpoint_id, row.state.value) for row in rows if row.endpoint_id in endpoints)

    async def counts(self) -> Mapping[str, int]:
        return Counter(row.state.value for row in self.tables.webhook_deliveries.values())


def _save(rows: dict[str, Row], row: Row) -> None:
    stored = rows.get(row.id)
    if stored is None or stored.version != row.version:
        raise StaleWrite(f"{row.id} was changed by somebody else")
    row.version += 1
    rows[row.id] = replace(row)
