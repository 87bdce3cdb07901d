"""Webhooks as rows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, Table, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from server.adapters.models import orders
from server.adapters.statements import Statements
from server.adapters.webhook_models import webhook_announcements, webhook_deliveries, webhook_endpoints
from server.domain.errors import DuplicateClaim, StaleWrite, UnknownWebhook
from server.domain.webhooks import Announcement, DeliveryState, Endpoint, Kind, WebhookDelivery
from server.ports import Clock

_HIGHEST = 2**31 - 1
_ENDPOINTS, _DELIVERIES = webhook_endpoints.c, webhook_deliveries.c
_ENDPOINTS_OF = (
    select(webhook_endpoints)
    .where(_ENDPOINTS.merchant == bindparam("merchant"), _ENDPOINTS.removed_at.is_(None))
    .order_by(_ENDPOINTS.created_at, _ENDPOINTS.id)
)


class WebhookRows:
    """Implements ports.Webhooks."""

    def __init__(self, connection: Statements, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def add_endpoint(self, endpoint: Endpoint) -> None:
        await self._connection.execute(insert(webhook_endpoints).values(**asdict(endpoint)))

    async def endpoint(self, endpoint_id: str) -> Endpoint | None:
        row = await self._first(select(webhook_endpoints).where(_ENDPOINTS.id == endpoint_id))
        return Endpoint(**row) if row else None

    async def save_endpoint(self, endpoint: Endpoint) -> None:
        await self._save(webhook_endpoints, _ENDPOINTS.id == endpoint.id, endpoint)

    async def note_health(self, endpoint_id: str, failures: int, quiet_until: datetime | None) -> None:
        change = update(webhook_endpoints).where(_ENDPOINTS.id == endpoint_id)
        await self._connection.execute(change.values(failures=failures, quiet_until=quiet_until))

    async def endpoints_of(self, merchant: str) -> Sequence[Endpoint]:
        rows = (await self._connection.execute(_ENDPOINTS_OF, {"merchant": merchant})).mappings()
        return [Endpoint(**row) for row in rows]

    async def listed(self, limit: int) -> Sequence[Endpoint]:
        query = select(webhook_endpoints).where(_ENDPOINTS.removed_at.is_(None)).limit(limit)
        newest = query.order_by(_ENDPOINTS.created_at.desc(), _ENDPOINTS.id)
        return [Endpoint(**row) for row in (await self._connection.execute(newest)).mappings()]

    async def next_of(self, order_id: str) -> tuple[int, datetime]:
        await self._connection.execute(select(orders.c.id).where(orders.c.id == order_id).with_for_update())
        highest = select(func.max(webhook_announcements.c.sequence)).where(webhook_announcements.c.order_id == order_id)
        return ((await self._connection.execute(highest)).scalar() or 0) + 1, self._clock.now()

    async def announce(self, announcement: Announcement, deliveries: Sequence[WebhookDelivery]) -> None:
        try:
            await self._connection.execute(insert(webhook_announcements).values(**asdict(announcement)))
        except IntegrityError as error:
            raise DuplicateClaim(f"order {announcement.order_id} has an announcement of that number") from error
        for delivery in deliveries:
            await self._connection.execute(insert(webhook_deliveries).values(**_values(delivery)))

    async def body(self, announcement_id: str) -> bytes:
        query = select(webhook_announcements.c.body).where(webhook_announcements.c.id == announcement_id)
        body: bytes | None = (await self._connection.execute(query)).scalar()
        if body is None:
            raise UnknownWebhook(f"there is no announcement {announcement_id}")
        return body

    async def next_delivery(self, endpoint_id: str, order_id: str) -> WebhookDelivery | None:
        own = (_DELIVERIES.endpoint_id == endpoint_id, _DELIVERIES.order_id == order_id)
        waiting = select(webhook_deliveries).where(*own, _DELIVERIES.state == DeliveryState.WAITING)
        row = await self._first(waiting.order_by(_DELIVERIES.sequence).limit(1))
        return _delivery(row) if row else None

    async def delivery(self, delivery_id: str) -> WebhookDelivery | None:
        row = await self._first(select(webhook_deliveries).where(_DELIVERIES.id == delivery_id))
        return _delivery(row) if row else None

    async def save_delivery(self, delivery: WebhookDelivery) -> None:
        await self._save(webhook_deliveries, _DELIVERIES.id == delivery.id, delivery)

    async def deliveries(self, endpoint_id: str, before: int | None, limit: int) -> Sequence[WebhookDelivery]:
        query = select(webhook_deliveries).where(_DELIVERIES.endpoint_id == endpoint_id)
        if before is not None:
            query = query.where(_DELIVERIES.number < max(0, min(before, _HIGHEST)))
        rows = await self._connection.execute(query.order_by(_DELIVERIES.number.desc()).limit(limit))
        return [_delivery(row) for row in rows.mappings()]

    async def deliveries_of(self, order_id: str, merchant: str) -> Sequence[WebhookDelivery]:
        own = select(_ENDPOINTS.id).where(_ENDPOINTS.merchant == merchant)
        told = select(webhook_deliveries).where(_DELIVERIES.endpoint_id.in_(own), _DELIVERIES.order_id == order_id)
        rows = await self._connection.execute(told.order_by(_DELIVERIES.number))
        return [_delivery(row) for row in rows.mappings()]

    async def backlog(self, endpoints: Sequence[str]) -> Mapping[tuple[str, str], int]:
        stuck = _DELIVERIES.state.in_((DeliveryState.WAITING, DeliveryState.DEAD))
        own = (_DELIVERIES.endpoint_id, _DELIVERIES.state)
        query = select(*own, func.count()).where(stuck, _DELIVERIES.endpoint_id.in_(endpoints)).group_by(*own)
        return {(endpoint, state): count for endpoint, state, count in await self._connection.execute(query)}

    async def counts(self) -> Mapping[str, int]:
        query = select(_DELIVERIES.state, func.count().label("deliveries")).group_by(_DELIVERIES.state)
        return {row.state: row.deliveries for row in await self._connection.execute(query)}

    async def _first(self, query: Select[Any]) -> RowMapping | None:
        row: RowMapping | None = (await self._connection.execute(query)).mappings().first()
        return row

    async def _save(self, table: Table, own: ColumnElement[bool], row: Endpoint | WebhookDelivery) -> None:
        values = _values(row) | {"version": row.version + 1}
        result = await self._connection.execute(
            update(table).where(own, table.c.version == row.version).values(**values)
        )
        if result.rowcount != 1:
            raise StaleWrite(f"{table.name} {row.id} was changed by somebody else")
        row.version += 1


def _values(row: Endpoint | WebhookDelivery) -> dict[str, Any]:
    """A row's columns, without the number that the database gives."""
    return {name: value for name, value in asdict(row).items() if name != "number"}


def _delivery(row: RowMapping) -> WebhookDelivery:
    return WebhookDelivery(**dict(row) | {"kind": Kind(row["kind"]), "state": DeliveryState(row["state"])})
