"""Evidence pack: everything stored about an order, in one JSON document, for deciding a case."""

from collections.abc import Sequence
from typing import Any

from server.application.prove import proof_record
from server.application.reconcile import Books
from server.domain.cases import Case
from server.domain.ledger import standing
from server.domain.orders import Order
from server.ports import CaseEvent, Event


async def evidence_pack(books: Books, order: Order, *, for_staff: bool) -> dict[str, Any]:
    """The proof record as it would be now, the Transfer's place on chain, and the order's timeline, as JSON values.

    Notes on the timeline are for staff. Raises ChainUnavailable.
    """
    record = await proof_record(books, order)
    async with books.db.read() as view:
        events = await view.orders.timeline(order.id)
        rows = await view.ledger.of(order.id)
    settled = next((row for row in standing(rows) if row.kind == "settlement"), None)
    record["settlement"]["logIndex"] = settled.log_index if settled else None
    return {**record, "timeline": [_event(event, for_staff) for event in events]}


def case_document(case: Case, timeline: Sequence[CaseEvent]) -> dict[str, Any]:
    """A case with its timeline, for staff, as JSON values."""
    return {
        "id": case.id,
        **case.for_buyer,
        "subject": case.subject,
        "order_id": case.order_id,
        "merchant": case.merchant or None,
        "detail": case.detail,
        "opened_at": case.opened_at,
        "resolved_at": case.resolved_at,
        "timeline": [{"at": line.at, "what": line.what, "by": line.by, "note": line.note} for line in timeline],
    }


def _event(event: Event, for_staff: bool) -> dict[str, Any]:
    line = {"at": event.at, "what": event.what, "old": event.old, "new": event.new}
    return line | ({"note": event.note} if for_staff else {})
