"""Orders and their timelines as rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, and_, bindparam, func, insert, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from protocol.payment import Method
from server.adapters.hour_rows import LateOrder
from server.adapters.models import order_events, orders
from server.adapters.row_sets import IN_FLIGHT, OPEN, TO_COME
from server.adapters.statements import Statements
from server.domain.errors import DuplicateClaim, StaleWrite
from server.domain.hours import hour_of, is_over
from server.domain.merchant_orders import SERVICE as MERCHANT_ORDER
from server.domain.order_status import EVERY_ORDER, OrderFilter, OrderStatus, status_of
from server.domain.orders import Authorization, Order, Terms
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.payments import mode_named
from server.ports import Clock, Event

_WAITING = (PaymentState.CREATED, PaymentState.AUTHORIZED)
_OWED = (OrderStatus.REFUNDING, OrderStatus.BLOCKED)
_COUNTING = 402
"""Seed of the advisory locks under which orders in flight are counted."""
_TERMS = tuple(Terms.__dataclass_fields__)
_AUTHORIZATION = tuple(Authorization.__dataclass_fields__)
_OWN = ("id", "arguments", "created_at", "since_block")
_MUTABLE = (
    "payment", "fulfilment", "money_back", "lease_until", "fence", "settlement_tx", "settlement_block",
    "callback_tx", "refund_tx", "paid_at", "released_at", "final_at", "failure", "charged", "round",
    "received", "returned", "refunds",
)  # fmt: skip
_ADD, _ADD_EVENTS = insert(orders), insert(order_events)
_GET = select(orders).where(orders.c.id == bindparam("key"))
_CLAIMED = select(orders).where(
    *(orders.c[name] == bindparam(name) for name in ("network", "authority", "payer", "nonce"))
)
_TURN = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("buyer"), _COUNTING)))
_BUSY = select(func.count()).where(
    orders.c.payer == bindparam("buyer"),
    orders.c.service != MERCHANT_ORDER,
    IN_FLIGHT,
    or_(orders.c.payment != PaymentState.AUTHORIZED, orders.c.lease_until > bindparam("now")),
)
_SAVE = update(orders).where(orders.c.id == bindparam("key"), orders.c.version == bindparam("read"))


class OrderRows:
    """Implements ports.Orders."""

    def __init__(self, connection: Statements, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    async def add(self, order: Order) -> None:
        values = {name: getattr(order.terms, name) for name in _TERMS} | {"mode": order.terms.mode.name}
        values |= {name: getattr(order.authorization, name) for name in _AUTHORIZATION}
        values |= {name: getattr(order, name) for name in (*_OWN, *_MUTABLE)}
        late = await self._late(order)
        try:
            await self._connection.execute(_ADD, values | {"status": status_of(order), "version": 0})
        except IntegrityError as error:
            raise DuplicateClaim("the quote or the payment is claimed") from error
        if late:
            await late.moved(status_of(order))
        await self._write_changes(order)

    async def get(self, order_id: str) -> Order | None:
        row = (await self._connection.execute(_GET, {"key": order_id})).mappings().first()
        return _order(row) if row else None

    async def claimed_by(self, network: str, authority: str, payer: str, nonce: bytes) -> Order | None:
        claim = {"network": network, "authority": authority, "payer": payer, "nonce": nonce}
        row = (await self._connection.execute(_CLAIMED, claim)).mappings().first()
        return _order(row) if row else None

    async def in_flight(self, payer: str, now: datetime) -> int:
        if self._connection.dialect.name == "postgresql":  # SQLite has one writer at a time as it is
            await self._connection.execute(_TURN, {"buyer": payer})
        return int((await self._connection.execute(_BUSY, {"buyer": payer, "now": now})).scalar_one())

    async def save(self, order: Order) -> None:
        values = {name: getattr(order, name) for name in _MUTABLE}
        values |= {"status": status_of(order), "version": order.version + 1}
        late = await self._late(order)
        result = await self._connection.execute(_SAVE, values | {"key": order.id, "read": order.version})
        if result.rowcount != 1:
            raise StaleWrite(f"order {order.id} was changed by somebody else")
        order.version += 1
        if late:
            await late.moved(status_of(order))
        await self._write_changes(order)

    async def unfinished(self, lapsed_at: datetime, limit: int) -> Sequence[str]:
        pending = or_(TO_COME, and_(orders.c.payment.in_(_WAITING), orders.c.valid_before <= lapsed_at))
        free = or_(orders.c.lease_until.is_(None), orders.c.lease_until <= lapsed_at)
        query = select(orders.c.id).where(OPEN, pending, free).order_by(orders.c.created_at).limit(limit)
        return list((await self._connection.execute(query)).scalars())

    async def waiting(self) -> Mapping[PaymentState, tuple[int, datetime]]:
        moved = select(func.max(order_events.c.at)).where(
            order_events.c.order_id == orders.c.id, order_events.c.what == "payment"
        )
        since = func.coalesce(moved.scalar_subquery(), orders.c.created_at)
        those = or_(IN_FLIGHT, orders.c.payment == PaymentState.IN_DOUBT)
        found: dict[PaymentState, tuple[int, datetime]] = {}
        # Grouped here: to group them a planner may read all orders in the order of another index.
        for payment, at in await self._connection.execute(select(orders.c.payment, since).where(OPEN, those)):
            count, oldest = found.get(PaymentState(payment), (0, at))
            found[PaymentState(payment)] = (count + 1, min(oldest, at))
        return found

    async def owed(self) -> Mapping[MoneyBackState, int]:
        column = orders.c.money_back
        query = select(column, func.count()).where(OPEN, orders.c.status.in_(_OWED)).group_by(column)
        return {MoneyBackState(state): count for state, count in await self._connection.execute(query)}

    async def found_by(self, text: str) -> str | None:
        names = (orders.c.id, orders.c.settlement_tx, orders.c.callback_tx, orders.c.refund_tx)
        query = select(orders.c.id).where(or_(*(name == text for name in names))).limit(1)
        return (await self._connection.execute(query)).scalar()

    async def recent(self, limit: int, wanted: OrderFilter = EVERY_ORDER) -> Sequence[Order]:
        query = select(orders).order_by(orders.c.created_at.desc(), orders.c.id.desc()).limit(limit)
        given = (
            ("status", wanted.status),
            ("service", wanted.service),
            ("payer", wanted.payer),
            ("merchant", wanted.merchant),
        )
        query = query.where(*(orders.c[name] == value for name, value in given if value))
        if wanted.before:
            place = select(orders.c.created_at, orders.c.id).where(orders.c.id == wanted.before).scalar_subquery()
            query = query.where(tuple_(orders.c.created_at, orders.c.id) < place)
        return [_order(row) for row in (await self._connection.execute(query)).mappings()]

    async def timeline(self, order_id: str) -> Sequence[Event]:
        query = select(order_events).where(order_events.c.order_id == order_id).order_by(order_events.c.sequence)
        return [Event(**row) for row in (await self._connection.execute(query)).mappings()]

    async def events_after(self, sequence: int, limit: int) -> Sequence[Event]:
        query = select(order_events).where(order_events.c.sequence > sequence).order_by(order_events.c.sequence)
        return [Event(**row) for row in (await self._connection.execute(query.limit(limit))).mappings()]

    async def last_event(self) -> int:
        query = select(func.coalesce(func.max(order_events.c.sequence), 0))
        return int((await self._connection.execute(query)).scalar_one())

    async def _late(self, order: Order) -> LateOrder | None:
        """One that moves after its hour, whose sums may be made already."""
        if not is_over(hour_of(order.created_at), self._clock.now()):
            return None
        late = LateOrder(self._connection, order)
        await late.hold()
        return late

    async def _write_changes(self, order: Order) -> None:
        if order.changes:
            at = self._clock.now()
            rows: list[dict[str, Any]] = [
                {"order_id": order.id, "at": at, "what": c.what, "old": c.old, "new": c.new, "note": c.note}
                for c in order.changes
            ]
            await self._connection.execute(_ADD_EVENTS, rows)
            order.changes.clear()


def _order(row: RowMapping) -> Order:
    terms = {name: row[name] for name in _TERMS} | {"mode": mode_named(row["mode"]).facts}
    states = {
        "payment": PaymentState(row["payment"]),
        "fulfilment": FulfilmentState(row["fulfilment"]),
        "money_back": MoneyBackState(row["money_back"]),
    }
    return Order(
        **{name: row[name] for name in (*_OWN, *_MUTABLE, "version")} | states,
        terms=Terms(**terms),
        authorization=Authorization(**{name: row[name] for name in _AUTHORIZATION} | {"method": Method(row["method"])}),
    )
