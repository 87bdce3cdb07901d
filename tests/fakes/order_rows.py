"""Orders and their timelines in the fake database."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import TypeVar

from server.domain.errors import DuplicateClaim, StaleWrite
from server.domain.merchant_orders import SERVICE as MERCHANT_ORDER
from server.domain.order_status import EVERY_ORDER, OrderFilter, status_of
from server.domain.orders import Authorization, Order, Terms
from server.domain.states import OWED, FulfilmentState, MoneyBackState, PaymentState
from server.ports import Clock, Event
from tests.fakes.tables import Tables

Row = TypeVar("Row", Order, Terms, Authorization)
_FIXED = {"id", "terms", "authorization", "arguments", "created_at", "since_block", "changes", "version"}
_GOING = (PaymentState.CREATED, PaymentState.AUTHORIZED, PaymentState.SETTLING, PaymentState.SETTLED)
_MUTABLE = tuple(name for name in Order.__dataclass_fields__ if name not in _FIXED)


@dataclass(frozen=True)
class FakeOrders:
    """Implements ports.Orders."""

    tables: Tables
    clock: Clock

    async def add(self, order: Order) -> None:
        if order.id in self.tables.orders or await self.claimed_by(*_payment(order)):
            raise DuplicateClaim("the quote or the payment is claimed")
        fixed = {name: _in_utc(getattr(order, name)) for name in ("terms", "authorization")}
        self.tables.orders[order.id] = _in_utc(replace(order, **fixed, version=0, changes=[]))
        self._write_changes(order)

    async def get(self, order_id: str) -> Order | None:
        order = self.tables.orders.get(order_id)
        return replace(order, changes=[]) if order else None

    async def claimed_by(self, network: str, authority: str, payer: str, nonce: bytes) -> Order | None:
        wanted = (network, authority, payer, nonce)
        found = (order for order in self.tables.orders.values() if _payment(order) == wanted)
        return next((replace(order, changes=[]) for order in found), None)

    async def in_flight(self, payer: str, now: datetime) -> int:
        orders = (order for order in self.tables.orders.values() if order.terms.service != MERCHANT_ORDER)
        own = (order for order in orders if order.authorization.payer == payer)
        return sum(_in_flight(order, now) for order in own)

    async def save(self, order: Order) -> None:
        stored = self.tables.orders.get(order.id)
        if stored is None or stored.version != order.version:
            raise StaleWrite(f"order {order.id} was changed by somebody else")
        order.version += 1
        values = {name: getattr(order, name) for name in _MUTABLE}
        self.tables.orders[order.id] = _in_utc(replace(stored, **values, version=order.version, changes=[]))
        self._write_changes(order)

    async def unfinished(self, lapsed_at: datetime, limit: int) -> Sequence[str]:
        found = [order for order in self._by_age() if _unfinished(order, lapsed_at) and not order.leased(lapsed_at)]
        return [order.id for order in found[:limit]]

    async def waiting(self) -> Mapping[PaymentState, tuple[int, datetime]]:
        found: dict[PaymentState, list[datetime]] = {}
        for order in self.tables.orders.values():
            if order.payment is PaymentState.IN_DOUBT or (order.payment in _GOING and not _fulfilled(order)):
                moved = [e.at for e in self.tables.events if (e.order_id, e.what) == (order.id, "payment")]
                found.setdefault(order.payment, []).append(max(moved, default=order.created_at))
        return {state: (len(since), min(since)) for state, since in found.items()}

    async def owed(self) -> Mapping[MoneyBackState, int]:
        return Counter(order.money_back for order in self.tables.orders.values() if order.money_back in OWED)

    async def found_by(self, text: str) -> str | None:
        named = ((o.id, (o.id, o.settlement_tx, o.callback_tx, o.refund_tx)) for o in self.tables.orders.values())
        return next((order_id for order_id, names in named if text in names), None)

    async def recent(self, limit: int, wanted: OrderFilter = EVERY_ORDER) -> Sequence[Order]:
        found = [order for order in self._by_age()[::-1] if self._fits(order, wanted)]
        return [replace(order, changes=[]) for order in found[:limit]]

    async def timeline(self, order_id: str) -> Sequence[Event]:
        return [event for event in self.tables.events if event.order_id == order_id]

    async def events_after(self, sequence: int, limit: int) -> Sequence[Event]:
        return self.tables.events[sequence : sequence + limit]

    async def last_event(self) -> int:
        return len(self.tables.events)

    def _by_age(self) -> list[Order]:
        return sorted(self.tables.orders.values(), key=attrgetter("created_at", "id"))

    def _fits(self, order: Order, wanted: OrderFilter) -> bool:
        place = self.tables.orders.get(wanted.before)
        older = place is not None and (order.created_at, order.id) < (place.created_at, place.id)
        return (
            wanted.status in (None, status_of(order))
            and wanted.service in ("", order.terms.service)
            and wanted.merchant in ("", order.terms.merchant)
            and wanted.payer in ("", order.authorization.payer)
            and (older or not wanted.before)
        )

    def _write_changes(self, order: Order) -> None:
        for change in order.changes:
            number = len(self.tables.events) + 1
            line = (number, order.id, self.clock.now(), change.what, change.old, change.new, change.note)
            self.tables.events.append(Event(*line))
        order.changes.clear()


def _in_utc(row: Row) -> Row:
    """As a database gives moments back."""
    values = {name: getattr(row, name) for name in row.__dataclass_fields__}
    return replace(row, **{n: v.astimezone(UTC) for n, v in values.items() if isinstance(v, datetime)})


def _payment(order: Order) -> tuple[str, str, str, bytes]:
    return order.terms.network, order.authorization.authority, order.authorization.payer, order.authorization.nonce


def _in_flight(order: Order, now: datetime) -> bool:
    if order.payment is PaymentState.AUTHORIZED:
        return order.leased(now) and not _fulfilled(order)
    moving = (PaymentState.CREATED, PaymentState.SETTLING, PaymentState.IN_DOUBT, PaymentState.SETTLED)
    return order.payment in moving and not _fulfilled(order)


def _fulfilled(order: Order) -> bool:
    return order.fulfilment in (FulfilmentState.RELEASED, FulfilmentState.FAILED)


def _unfinished(order: Order, now: datetime) -> bool:
    if order.money_back in (MoneyBackState.DUE, MoneyBackState.SENDING, MoneyBackState.IN_DOUBT):
        return True
    if order.payment in (PaymentState.SETTLING, PaymentState.IN_DOUBT):
        return True
    if order.payment in (PaymentState.CREATED, PaymentState.AUTHORIZED):
        return order.authorization.valid_before <= now
    return order.payment is PaymentState.SETTLED and not _fulfilled(order)
