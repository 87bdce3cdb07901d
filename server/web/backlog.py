"""What waits for a person, a worker or the chain, as gauges: orders, refunds, cases, jobs, late anchors."""

from datetime import datetime

from prometheus_client import Gauge

from server.application.anchor import site_of
from server.application.paddock import Paddock
from server.domain.cases import CaseKind
from server.domain.states import OWED, PaymentState
from server.ports import UnitOfWork

ORDERS = Gauge("paddock_orders_waiting", "Orders that are not at their end, by payment state", ["payment"])
AGE = Gauge(
    "paddock_orders_waiting_seconds", "For how long the longest of them has been in that payment state", ["payment"]
)
REFUNDS = Gauge("paddock_refunds_open", "Orders whose money is to go back and has not gone", ["state"])
CASES = Gauge("paddock_cases_open", "Open cases by kind", ["kind"])
OVERDUE = Gauge("paddock_jobs_overdue_seconds", "For how long the oldest due job has waited for a worker to take it")
FAILING = Gauge("paddock_jobs_failing", "Open jobs that failed five times in a row or more, by topic", ["topic"])
WAITS = (
    PaymentState.CREATED,
    PaymentState.AUTHORIZED,
    PaymentState.SETTLING,
    PaymentState.IN_DOUBT,
    PaymentState.SETTLED,
)
UNANCHORED = Gauge(
    "paddock_receipts_unanchored_seconds",
    "For how long the oldest chained receipt has waited for a final block to hold its root",
    ["merchant"],
)
MANY = 5
"""A job that failed so often in a row does not mend by itself soon: its next try is half a minute away."""


async def show_backlog(paddock: Paddock, view: UnitOfWork) -> None:
    """Set the gauges by the database; a kind, topic or merchant of which nothing waits has zero, or no sample."""
    now = paddock.clock.now()
    since = await view.outbox.overdue(now)
    OVERDUE.set((now - since).total_seconds() if since else 0)
    open_ones, failing = await view.cases.open_kinds(), await view.outbox.failing(MANY)
    for kind in CaseKind:
        CASES.labels(kind.value).set(open_ones.get(kind, 0))
    await _show_orders(view, now)
    FAILING.clear()
    for topic, count in failing.items():
        FAILING.labels(topic).set(count)
    for merchant in paddock.merchants:
        UNANCHORED.labels(merchant).set(await _unanchored(paddock, view, merchant))


async def _show_orders(view: UnitOfWork, now: datetime) -> None:
    waiting, owed = await view.orders.waiting(), await view.orders.owed()
    for payment in WAITS:
        count, since = waiting.get(payment, (0, now))
        ORDERS.labels(payment.value).set(count)
        AGE.labels(payment.value).set(max(0.0, (now - since).total_seconds()))
    for state in OWED:
        REFUNDS.labels(state.value).set(owed.get(state, 0))


async def _unanchored(paddock: Paddock, view: UnitOfWork, merchant: str) -> float:
    """Seconds; none where nothing is anchored at all."""
    site = site_of(paddock)
    if site is None:
        return 0.0
    last = await view.anchors.last(site, merchant)
    first = 0 if last is None else last.first if last.block is None else last.last + 1
    oldest = await view.receipt_chain.entries(merchant, first, 1)
    return (paddock.clock.now() - oldest[0].appended_at).total_seconds() if oldest else 0.0
