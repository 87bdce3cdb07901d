"""Announce: tell a merchant's endpoints what happened, in the unit of work in which it happens."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

import msgspec

from protocol.webhooks import VERSION, WebhookMessage
from server.application.measures import tell_moves
from server.application.status import public_view
from server.application.tracing import Tracing, committed, mark, to_keep
from server.domain.cases import Case, CaseState, Opening
from server.domain.orders import Change, Order
from server.domain.webhooks import Announcement, Kind, delivery_of, kinds_of
from server.ports import Cases, Database, Orders, UnitOfWork

WEBHOOK = "webhook"
"""The outbox's topic. A job's subject is `<endpoint>/<order>`: an order's messages to one endpoint go in a row."""


async def announce(work: UnitOfWork, merchant: str, order_id: str, event: Kind, data: Mapping[str, Any]) -> None:
    """Write an announcement and a delivery for each of the merchant's enabled endpoints; nothing if it has none.

    `data` goes out as JSON: nothing secret, no payer's arguments, no answer. The order is shown as it is stored.
    """
    listening = await _listening(work, merchant)
    if listening:
        await announce_to(work, listening, merchant, order_id, await work.orders.get(order_id), event, data)


async def announce_to(
    work: UnitOfWork,
    endpoint_ids: list[str],
    merchant: str,
    order_id: str,
    order: Order | None,
    event: Kind,
    data: Mapping[str, Any],
) -> Announcement:
    """As `announce`, to these endpoints."""
    sequence, now = await work.webhooks.next_of(order_id)
    announcement_id = f"evt_{secrets.token_hex(12)}"
    view = public_view(order) if order else None
    message = WebhookMessage(announcement_id, event, now, sequence, merchant, VERSION, view, dict(data))
    body = msgspec.json.encode(message)
    announcement = Announcement(announcement_id, merchant, order_id, sequence, event, now, body)
    await work.webhooks.announce(announcement, [delivery_of(announcement, one) for one in endpoint_ids])
    for endpoint_id in endpoint_ids:
        await work.outbox.add(WEBHOOK, f"{endpoint_id}/{order_id}", now)
    return announcement


class AnnouncingDatabase:
    """Implements ports.Database over another: an order that is saved announces its changes in the same unit of work.

    It stands around the database rather than in each use case, so that no place that saves an order can forget it,
    and rather than in an adapter, so that the fake and the real one do the same. What was committed is counted, logged,
    and told to the order's trace; an order that is made in a trace keeps it.
    """

    def __init__(self, db: Database, tracing: Tracing | None = None) -> None:
        self._db, self._tracing = db, tracing

    @asynccontextmanager
    async def begin(self, name: str) -> AsyncIterator[UnitOfWork]:
        moved: list[tuple[str, list[Change]]] = []
        async with self._db.begin(name) as work:
            work.orders = cast(Orders, _AnnouncingOrders(work, moved))
            work.cases = cast(Cases, _AnnouncingCases(work))
            yield work
        beside = committed(name, {order_id: tell_moves(name, order_id, changes) for order_id, changes in moved})
        await mark(self._tracing, self._db, name, beside)

    def read(self) -> AbstractAsyncContextManager[UnitOfWork]:
        return self._db.read()

    def survey(self) -> AbstractAsyncContextManager[UnitOfWork]:
        return self._db.survey()


class _AnnouncingOrders:
    """Orders as they are, but for `add` and `save`; what these wrote is appended to `moved`."""

    def __init__(self, work: UnitOfWork, moved: list[tuple[str, list[Change]]]) -> None:
        self._work, self._orders, self._moved = work, work.orders, moved

    def __getattr__(self, name: str) -> Any:
        return getattr(self._orders, name)

    async def add(self, order: Order) -> None:
        await self._write(order, self._orders.add)
        entry = to_keep(order.id)
        if entry is not None:
            await self._work.traces.put(order.id, entry)

    async def save(self, order: Order) -> None:
        await self._write(order, self._orders.save)

    async def _write(self, order: Order, write: Any) -> None:
        """Writing empties the list of changes and holds the order's row, so that sequence numbers need no luck."""
        kinds, changes = kinds_of(order, order.changes), list(order.changes)
        await write(order)
        self._moved.append((order.id, changes))
        listening = await _listening(self._work, order.terms.merchant) if kinds else []
        if listening:
            for kind in kinds:
                await announce_to(self._work, listening, order.terms.merchant, order.id, order, kind, {})


class _AnnouncingCases:
    """Cases as they are, but for `open` and `save`: those about an order are announced when they open and end."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work, self._cases = work, work.cases

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cases, name)

    async def open(self, opening: Opening) -> Case:
        known = {one.id for one in await self._cases.of(opening.order_id)} if opening.order_id else set()
        case = await self._cases.open(opening)
        if case.order_id and case.id not in known:
            await announce(self._work, case.merchant, case.order_id, Kind.CASE_OPENED, _of_case(case))
        return case

    async def save(self, case: Case) -> None:
        await self._cases.save(case)
        if case.order_id and case.state is CaseState.RESOLVED:
            await announce(self._work, case.merchant, case.order_id, Kind.CASE_CLOSED, _of_case(case))


def _of_case(case: Case) -> dict[str, Any]:
    """What an announcement says of a case: what the buyer sees, and its id."""
    return {"case_id": case.id, **case.for_buyer}


async def _listening(work: UnitOfWork, merchant: str) -> list[str]:
    """The merchant's enabled endpoints."""
    return [one.id for one in await work.webhooks.endpoints_of(merchant) if one.enabled]
