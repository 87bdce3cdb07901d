"""Cases, and the orders that look as if they needed one, in the fake database."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from server.domain.cases import Case, CaseKind, CaseState, Opening, opened
from server.domain.errors import DuplicateClaim, StaleWrite
from server.domain.orders import Order
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.ports import CaseEvent, Clock, Repeated
from tests.fakes.tables import Tables

_MOVING = (MoneyBackState.DUE, MoneyBackState.SENDING, MoneyBackState.IN_DOUBT)


@dataclass(frozen=True)
class FakeCases:
    """Implements ports.Cases."""

    tables: Tables
    clock: Clock

    async def open(self, opening: Opening) -> Case:
        open_ones = [case for case in self.tables.cases.values() if case.state is CaseState.OPEN]
        for case in open_ones:
            if (case.kind, case.subject) == (opening.kind, opening.subject):
                return replace(case, changes=[])
        if opening.request and any(case.request == opening.request for case in self.tables.cases.values()):
            raise DuplicateClaim("this request has opened a case before")
        if opening.order_id is not None and opening.order_id not in self.tables.orders:
            raise DuplicateClaim(f"there is no order {opening.order_id}")
        case = opened(opening, self.clock.now())
        self.tables.cases[case.id] = replace(case, changes=[])
        self._write_changes(case)
        return case

    async def get(self, case_id: str) -> Case | None:
        case = self.tables.cases.get(case_id)
        return replace(case, changes=[]) if case else None

    async def about(self, kind: CaseKind, subject: str) -> Case | None:
        return next((case for case in self._newest() if (case.kind, case.subject) == (kind, subject)), None)

    async def of(self, order_id: str) -> Sequence[Case]:
        return [case for case in self._newest() if case.order_id == order_id]

    async def listed(
        self, limit: int, *, state: CaseState | None = None, kind: CaseKind | None = None, merchant: str | None = None
    ) -> Sequence[Case]:
        wanted = {"state": state, "kind": kind, "merchant": merchant}
        named = {name: value for name, value in wanted.items() if value is not None}
        return [case for case in self._newest() if all(getattr(case, n) == v for n, v in named.items())][:limit]

    async def open_kinds(self) -> Mapping[CaseKind, int]:
        return Counter(case.kind for case in self.tables.cases.values() if case.state is CaseState.OPEN)

    async def save(self, case: Case) -> None:
        stored = self.tables.cases.get(case.id)
        if stored is None or stored.version != case.version:
            raise StaleWrite(f"case {case.id} was changed by somebody else")
        case.version += 1
        self.tables.cases[case.id] = replace(case, changes=[])
        self._write_changes(case)

    async def timeline(self, case_id: str) -> Sequence[CaseEvent]:
        return [event for event in self.tables.case_events if event.case_id == case_id]

    def _newest(self) -> Iterator[Case]:
        cases = sorted(self.tables.cases.values(), key=lambda case: case.id)
        return (replace(c, changes=[]) for c in sorted(cases, key=lambda case: case.opened_at, reverse=True))

    def _write_changes(self, case: Case) -> None:
        for change in case.changes:
            number = len(self.tables.case_events) + 1
            line = CaseEvent(number, case.id, self.clock.now(), change.what, change.by, change.note)
            self.tables.case_events.append(line)
        case.changes.clear()


@dataclass(frozen=True)
class FakeSuspects:
    """Implements ports.Suspects."""

    tables: Tables

    async def stuck(self, before: datetime, limit: int) -> Sequence[str]:
        last = {event.order_id: event.at for event in self.tables.events}
        found = [o for o in self._by_age() if _pending(o) and o.created_at <= before]
        return self._unknown((o for o in found if last.get(o.id, o.created_at) <= before), CaseKind.STUCK)[:limit]

    async def denied(self, limit: int) -> Sequence[str]:
        failed = [o for o in self._settled() if o.fulfilment is FulfilmentState.FAILED]
        none = (o for o in failed if o.money_back is MoneyBackState.NONE)
        blocked = (o for o in failed if o.money_back is MoneyBackState.BLOCKED)
        found = self._unknown(none, CaseKind.PAID_BUT_DENIED) + self._unknown(blocked, CaseKind.REFUND_BLOCKED)
        return [order.id for order in failed if order.id in found][:limit]

    async def repeated(self, since: datetime, within: timedelta, limit: int) -> Sequence[Repeated]:
        paid = [o for o in self._settled() if not o.waived]
        kept = [o for o in paid if o.money_back is MoneyBackState.NONE and o.created_at >= since]
        said = {
            _group(self.tables.orders[case.order_id])
            for case in self.tables.cases.values()
            if case.kind is CaseKind.DUPLICATE and case.order_id and case.opened_at >= since
        }
        found: list[Repeated] = []
        for group, orders in groupby(sorted(kept, key=_group), key=_group):
            by_time = sorted(((o.paid_at, o.id) for o in orders if o.paid_at), key=lambda paid: paid[0])
            close = [Repeated(b, a, then - at) for (at, a), (then, b) in pairwise(by_time) if then - at <= within]
            found += close[:1] if group not in said else []
        return found[:limit]

    async def jobless(self, since: datetime, limit: int) -> Sequence[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for topic in ("execute", "refund", "follow", "prove"):
            needing = (o for o in self._settled() if o.created_at >= since and topic in self._topics(o))
            found += [(o.id, topic) for o in needing if not self._waits(f"{topic}:{o.id}")]
        return found[:limit]

    def _topics(self, order: Order) -> Iterator[str]:
        if order.fulfilment is FulfilmentState.EXECUTING:
            yield "execute"
        if order.money_back in _MOVING:
            yield "refund"
        if order.final_at is None:
            yield "follow"
        elif not order.owes and order.id not in self.tables.proofs:
            yield "prove"

    def _waits(self, job_id: str) -> bool:
        return job_id in self.tables.jobs and not self.tables.jobs[job_id].done

    def _unknown(self, orders: Iterator[Order], kind: CaseKind) -> list[str]:
        known = {case.order_id for case in self.tables.cases.values() if case.kind is kind}
        return [order.id for order in orders if order.id not in known]

    def _settled(self) -> list[Order]:
        return [order for order in self._by_age() if order.payment is PaymentState.SETTLED]

    def _by_age(self) -> list[Order]:
        return sorted(self.tables.orders.values(), key=lambda order: order.created_at)


def _group(order: Order) -> tuple[str, bytes]:
    return order.authorization.payer, order.terms.intent


def _pending(order: Order) -> bool:
    if order.payment in (PaymentState.SETTLING, PaymentState.IN_DOUBT) or order.money_back in _MOVING:
        return True
    ended = order.fulfilment in (FulfilmentState.RELEASED, FulfilmentState.FAILED)
    return order.payment is PaymentState.SETTLED and not ended
