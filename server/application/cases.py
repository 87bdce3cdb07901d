"""Cases: open one wherever something goes wrong, and look for orders and books that need one."""

import logging
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from server.application.paddock import Paddock
from server.application.reconcile import Books, Difference, judge
from server.domain.cases import PADDOCK, Case, CaseKind, CaseState, Opening
from server.domain.orders import Order
from server.domain.states import MoneyBackState
from server.domain.transfers import is_arrival
from server.ports import UnitOfWork

log = logging.getLogger(__name__)

CASES, REDELIVER = "cases", "redeliver"
"""The outbox's topics of this matter."""
STUCK_AFTER = timedelta(minutes=10)
"""An order with something to come, on which nothing has happened for so long, is looked at by a person."""
DUPLICATE_WITHIN = timedelta(minutes=5)
"""Two payments of one payer for the same request within this time look like one too many."""
LOOK_BACK = timedelta(hours=1)
"""How far back duplicates are looked for: longer than a worker is away."""
JOBS_SINCE = timedelta(days=7)
"""How old the orders may be whose jobs are looked for."""
SETTLES_WITHIN = timedelta(minutes=5)
"""A difference between ledger and chain that is younger is a settlement that is being written down."""
MOST = 200
_OF_BOOKS = (CaseKind.UNTRACKED_TRANSFER, CaseKind.DIFFERENCE)
_ENDED, _GONE = "the order ended", "ledger and chain agree"


async def open_case(
    work: UnitOfWork, kind: CaseKind, order_id: str, detail: str, *, by: str = PADDOCK, request: str | None = None
) -> Case:
    """The open case of this kind about an order, made if there is none; all or nothing with the unit of work.

    `detail` is for staff. Raises DuplicateClaim if `request` has opened a case that is over.
    """
    order = await work.orders.get(order_id)
    merchant = order.terms.merchant if order else ""
    return await work.cases.open(Opening(kind, order_id, detail, order_id, merchant, by, request))


async def watch_orders(paddock: Paddock, _subject: str) -> float | None:
    """Open a case for every order that looks wrong and has none, and ask again for jobs that are missing."""
    now = paddock.clock.now()
    async with paddock.db.read() as view:
        found = [one async for one in _suspicions(paddock, view)]
        jobless = await view.suspects.jobless(now - JOBS_SINCE, MOST)
        stuck = await _open_ones(view, CaseKind.STUCK)
        ended = [one for one in stuck if await _has_ended(view, one) and not await _says(view, one, _ENDED)]
    if found or jobless or ended:
        async with paddock.db.begin("orders watched") as work:
            for kind, order_id, detail in found:
                await open_case(work, kind, order_id, detail)
            for order_id, topic in jobless:
                await work.outbox.ensure(topic, order_id, now)
                await open_case(work, CaseKind.MISSING_JOB, order_id, f"it had no job {topic!r}; asked for again")
            await _note(work, ended, _ENDED)
    return None


async def open_for(work: UnitOfWork, found: Sequence[Difference]) -> None:
    """Open a case for each lasting difference between ledger and chain that nobody has declared or decided yet."""
    for one in found:
        if await work.cases.about(one.kind, one.subject) is None:
            log.error("ledger and chain differ: %s", one)
            order_id = await work.orders.found_by(one.transaction)
            order = await work.orders.get(order_id) if order_id else None
            merchant = order.terms.merchant if order else ""
            await work.cases.open(Opening(one.kind, one.subject, one.detail, order_id, merchant))


async def note_agreement(books: Books) -> None:
    """Look again at what the open cases about Transfers say, and note on those that ledger and chain agree now.

    What is gone stays open: a person says why it was there.
    """
    gone: list[Case] = []
    async with books.db.read() as view:
        known = [case for kind in _OF_BOOKS for case in await _open_ones(view, kind)]
        of_books = [case for case in known if not is_arrival(case.subject)]
        quiet = [case for case in of_books if not await _says(view, case, _GONE)]
    for case in quiet:
        network, transaction, index = case.subject.rsplit(":", 2)
        known_here = transaction.startswith("0x") and network in books.grounds
        if known_here and await judge(books, network, transaction, int(index)) is None:
            gone.append(case)
    if gone:
        async with books.db.begin("books watched") as work:
            await _note(work, gone, _GONE)


async def _suspicions(paddock: Paddock, view: UnitOfWork) -> AsyncIterator[tuple[CaseKind, str, str]]:
    """(kind, order id, words for staff) of orders that have no such case."""
    now, still = paddock.clock.now(), int(STUCK_AFTER.total_seconds() / 60)
    for order_id in await view.suspects.stuck(now - STUCK_AFTER, MOST):
        yield CaseKind.STUCK, order_id, f"nothing has happened for {still} minutes, and something is still to come"
    for order_id in await view.suspects.denied(MOST):
        order = await view.orders.get(order_id)
        if order:
            yield _denied(order)
    for one in await view.suspects.repeated(now - LOOK_BACK, DUPLICATE_WITHIN, MOST):
        seconds = int(one.after.total_seconds())
        yield CaseKind.DUPLICATE, one.order_id, f"order {one.first} was paid {seconds} s before for the same request"


def _denied(order: Order) -> tuple[CaseKind, str, str]:
    if order.money_back is MoneyBackState.BLOCKED:
        return CaseKind.REFUND_BLOCKED, order.id, order.failure or "the refund is blocked"
    return CaseKind.PAID_BUT_DENIED, order.id, f"paid and not delivered, and no refund is under way: {order.failure}"


async def _open_ones(view: UnitOfWork, kind: CaseKind) -> Sequence[Case]:
    return await view.cases.listed(MOST, state=CaseState.OPEN, kind=kind)


async def _has_ended(view: UnitOfWork, case: Case) -> bool:
    order = await view.orders.get(case.subject)
    return order is not None and order.ended


async def _says(view: UnitOfWork, case: Case, what: str) -> bool:
    """Whether that is the last thing on the case's timeline."""
    return (await view.cases.timeline(case.id))[-1].what == what


async def _note(work: UnitOfWork, cases: Sequence[Case], what: str) -> None:
    for case in cases:
        case.note(what, PADDOCK)
        await work.cases.save(case)
