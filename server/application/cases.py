"""Cases: open one wherever something goes wrong, and look for orders and books that need one."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from server.application.paddock import Paddock
from server.application.reconcile import Difference
from server.domain.cases import PADDOCK, Case, CaseKind, CaseState, Opening
from server.domain.orders import Order
from server.domain.states import MoneyBackState
from server.domain.transfers import is_arrival
from server.ports import UnitOfWork

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
_BOOKS = {"chain": CaseKind.UNTRACKED_TRANSFER, "ledger": CaseKind.DIFFERENCE}
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


async def watch_books(paddock: Paddock, found: Sequence[Difference]) -> None:
    """Open a case for each lasting difference between ledger and chain, and note on open ones that it is gone.

    What is gone stays open: a person says why it was there.
    """
    lasting = {subject_of(one): one for one in found if await _lasts(paddock, one)}
    there = {subject_of(one) for one in found}
    async with paddock.db.read() as view:
        open_ones = [case for kind in _BOOKS.values() for case in await _open_ones(view, kind)]
        known = [case for case in open_ones if not is_arrival(case.subject)]
        missing = [case for case in known if case.subject not in there]
        gone = [case for case in missing if not await _says(view, case, _GONE)]
    new = [one for subject, one in lasting.items() if subject not in {case.subject for case in known}]
    if not gone and not new:
        return
    async with paddock.db.begin("books watched") as work:
        for one in new:
            order_id = await work.orders.found_by(one.transaction)
            order = await work.orders.get(order_id) if order_id else None
            merchant = order.terms.merchant if order else ""
            await work.cases.open(Opening(_BOOKS[one.where], subject_of(one), one.detail, order_id, merchant))
        await _note(work, gone, _GONE)


def subject_of(difference: Difference) -> str:
    """What a difference's case is about: the Transfer, by its network, chain transaction and log."""
    return f"{difference.network}:{difference.transaction}:{difference.log_index}"


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


async def _lasts(paddock: Paddock, difference: Difference) -> bool:
    """Whether it is more than a settlement on its way into the books, or into a node that lags behind."""
    least = SETTLES_WITHIN.total_seconds()
    if difference.where == "chain":
        chain = paddock.on(difference.network).chain
        mined = await chain.mined(difference.transaction)
        newest = await chain.block_time(await chain.recent_block())
        return mined is not None and newest - await chain.block_time(mined.block) >= least
    async with paddock.db.read() as view:
        order_id = await view.orders.found_by(difference.transaction)
        events = await view.orders.timeline(order_id) if order_id else ()
    return not events or (paddock.clock.now() - events[-1].at).total_seconds() >= least


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
