"""Queries for orders that look as if something were wrong and that have no case for it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, TextClause, and_, exists, func, or_, select, tuple_

from server.adapters.case_models import cases
from server.adapters.models import order_events, orders, outbox, proofs
from server.adapters.row_sets import DENIED, OPEN, TO_COME
from server.adapters.statements import Statements
from server.application.deliver import EXECUTE, FOLLOW, PROVE, REFUND
from server.domain.cases import CaseKind
from server.domain.order_status import OrderStatus
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.ports import Repeated

_SETTLED = orders.c.payment == PaymentState.SETTLED
_OWED = and_(orders.c.fulfilment != FulfilmentState.RELEASED, orders.c.money_back != MoneyBackState.REFUNDED)
_TO_COME: dict[str, ColumnElement[bool]] = {
    EXECUTE: and_(OPEN, orders.c.fulfilment == FulfilmentState.EXECUTING),
    REFUND: and_(OPEN, orders.c.status == OrderStatus.REFUNDING),
    FOLLOW: orders.c.final_at.is_(None),
    PROVE: and_(orders.c.final_at.is_not(None), ~_OWED, ~exists().where(proofs.c.order_id == orders.c.id)),
}
"""Topic → what makes its job necessary for a settled order."""
_COMPARED = tuple(orders.c[name] for name in ("id", "paid_at", "payer", "intent", "payment", "charged", "money_back"))
MOST_GROUPS, MOST_ROWS, MOST_RECENT = 100, 2000, 100_000


class SuspectRows:
    """Implements ports.Suspects."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def stuck(self, before: datetime, limit: int) -> Sequence[str]:
        moved = exists().where(order_events.c.order_id == orders.c.id, order_events.c.at > before)
        return await self._ids(limit, OPEN, TO_COME, orders.c.created_at <= before, ~moved, ~_has_case(CaseKind.STUCK))

    async def denied(self, limit: int) -> Sequence[str]:
        none = and_(orders.c.money_back == MoneyBackState.NONE, ~_has_case(CaseKind.PAID_BUT_DENIED))
        blocked = and_(orders.c.status == OrderStatus.BLOCKED, ~_has_case(CaseKind.REFUND_BLOCKED))
        return await self._ids(limit, DENIED, or_(none, blocked))

    async def repeated(self, since: datetime, within: timedelta, limit: int) -> Sequence[Repeated]:
        newest = select(*_COMPARED).where(orders.c.created_at >= since).order_by(orders.c.created_at.desc())
        # Its limit keeps a planner from finding all paid orders by another index first.
        row = newest.limit(MOST_RECENT).cte("recent").c
        same = (row.payer, row.intent)
        paid = and_(row.payment == PaymentState.SETTLED, row.charged.is_distinct_from(0))
        kept = and_(paid, row.money_back == MoneyBackState.NONE)
        groups = select(*same).where(kept, ~_said_since(since, *same)).group_by(*same).having(func.count() > 1)
        query = (
            select(row.id, row.paid_at, *same)
            .where(kept, tuple_(*same).in_(groups.limit(MOST_GROUPS)))
            .order_by(*same, row.paid_at)
            .limit(MOST_ROWS)
        )
        found: dict[tuple[str, bytes], Repeated] = {}
        for first, second in pairwise((await self._connection.execute(query)).all()):
            group, after = (second.payer, second.intent), second.paid_at - first.paid_at
            if (first.payer, first.intent) == group and after <= within:
                found.setdefault(group, Repeated(second.id, first.id, after))
        return list(found.values())[:limit]

    async def jobless(self, since: datetime, limit: int) -> Sequence[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for topic, needed in _TO_COME.items():
            waits = exists().where(outbox.c.id == topic + ":" + orders.c.id, outbox.c.done == 0)
            ids = await self._ids(limit, _SETTLED, orders.c.created_at >= since, needed, ~waits)
            found += [(order_id, topic) for order_id in ids]
        return found[:limit]

    async def _ids(self, limit: int, *conditions: ColumnElement[bool] | TextClause) -> list[str]:
        query = select(orders.c.id).where(*conditions).order_by(orders.c.created_at).limit(limit)
        return list((await self._connection.execute(query)).scalars())


def _has_case(kind: CaseKind) -> ColumnElement[bool]:
    return exists().where(cases.c.order_id == orders.c.id, cases.c.kind == kind)


def _said_since(since: datetime, payer: ColumnElement[Any], intent: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a case about a duplicate of the same payer and intent was opened since then."""
    return exists().where(
        cases.c.kind == CaseKind.DUPLICATE,
        cases.c.opened_at >= since,
        cases.c.order_id == orders.c.id,
        orders.c.payer == payer,
        orders.c.intent == intent,
    )
