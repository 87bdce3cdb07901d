"""Resolve: bring on an order that nobody works on, by what the chain says."""

import logging
from contextlib import suppress
from datetime import timedelta

from server.application.cases import open_case
from server.application.chain_receipts import revoke_receipt
from server.application.deliver import ADVANCE, EXECUTE, FOLLOW, PERFORM, REFUND, record_settled
from server.application.execute import load
from server.application.paddock import Paddock
from server.application.refund import MOVING
from server.application.settle import stored_payment, that_pay
from server.application.waive import waive
from server.domain.cases import CaseKind
from server.domain.evidence import search_from
from server.domain.orders import Order
from server.domain.outages import FacilitatorUnavailable
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState

log = logging.getLogger(__name__)

UNDECIDED = (PaymentState.SETTLING, PaymentState.IN_DOUBT)
NEXT = {
    FulfilmentState.NONE: ADVANCE,
    FulfilmentState.READY: ADVANCE,
    FulfilmentState.RUNNING: PERFORM,
    FulfilmentState.EXECUTING: EXECUTE,
}
"""Which job brings on a settled order, by where its fulfilment stands."""
UNPAID_USE = "the authorization was cancelled, or used without paying exactly this"
CLOCK_MARGIN = timedelta(seconds=30)
"""A chain's clock may be behind ours by this much; an authorization counts as over only after it."""


async def resolve(paddock: Paddock, order_id: str) -> float | None:
    """One look at an order whose lease is over; None when it needs no more looks, else seconds until the next one."""
    order = await load(paddock, order_id)
    if order.leased(paddock.clock.now()):
        return 2.0
    if order.payment in UNDECIDED and order.waived:
        await waive(paddock, order_id)
        return None
    if order.payment in UNDECIDED:
        return await _by_evidence(paddock, order)
    if order.payment is PaymentState.AUTHORIZED:
        return await _expire(paddock, order)
    if order.money_back in MOVING:
        await _ask(paddock, REFUND, order)
    elif order.payment is PaymentState.SETTLED and order.fulfilment in NEXT:
        await _ask(paddock, NEXT[order.fulfilment], order)
    return None


async def _by_evidence(paddock: Paddock, order: Order) -> float | None:
    """Settled if the Transfer is there; failed only if a final block rules it out for good; else look again."""
    if await _settle_by_transfer(paddock, order):
        return None
    chain = paddock.on(order.terms.network).chain
    final = await chain.final_block()
    used = await chain.nonce_used(order.spend, block=final)
    if not used and not order.authorization.lapsed(await chain.block_time(final)):
        if order.round:
            await _settle_again(paddock, order)
        return 2.0
    # What was used in a block that is final now may have been mined since the first search.
    if await _settle_by_transfer(paddock, order):
        return None
    if used and order.charged is not None and await chain.spent_in(order.spend, search_from(order.since_block)):
        await _fail(paddock, order, "the facilitator moved another amount than was charged", CaseKind.MISCHARGED)
    else:
        await _fail(paddock, order, UNPAID_USE if used else "the authorization lapsed unused")
    return None


async def _settle_again(paddock: Paddock, order: Order) -> None:
    """A reorganisation took the payment back, and its authorization still holds: have it submitted once more."""
    with suppress(FacilitatorUnavailable):
        await paddock.facilitator.settle(*stored_payment(order))


async def _settle_by_transfer(paddock: Paddock, order: Order) -> bool:
    """Write down the Transfer that pays the order, if the chain shows one."""
    chain = paddock.on(order.terms.network).chain
    found = (
        await chain.spent_in(order.spend, search_from(order.since_block)) if await chain.nonce_used(order.spend) else []
    )
    paying = await that_pay(chain, order, found)
    if not paying:
        return False
    return (await record_settled(paddock, order.id, paying)).payment is PaymentState.SETTLED


async def _fail(paddock: Paddock, order: Order, reason: str, case: CaseKind | None = None) -> None:
    if order.payment is PaymentState.SETTLING:
        order.pay(PaymentState.IN_DOUBT)
    order.pay(PaymentState.FAILED, reason)
    ends = order.fulfilment in (FulfilmentState.READY, FulfilmentState.EXECUTING) and order.callback_tx is None
    if ends and not order.atomic:  # whose payment, if it comes late, brings its action with it
        order.fulfil(FulfilmentState.FAILED, "not paid, not released")
    if order.money_back is MoneyBackState.DUE:
        order.give_back(MoneyBackState.NONE, "nothing came that could go back")
    order.failure = reason
    async with paddock.db.begin("failed by evidence") as work:
        if order.released_at is not None:
            order.failure = f"delivered, then a reorganisation took the payment back: {reason}"
            log.error("order %s was %s", order.id, order.failure)
            await revoke_receipt(paddock, work, order.id, order.failure)
        if case:
            await open_case(work, case, order.id, reason)
        await work.orders.save(order)


async def _expire(paddock: Paddock, order: Order) -> float | None:
    """Nothing was sent for it: it ends when its authorization can no longer be used."""
    if paddock.clock.now() < order.authorization.valid_before + CLOCK_MARGIN:
        return None
    order.pay(PaymentState.EXPIRED, "the authorization lapsed and was never settled")
    async with paddock.db.begin("expired") as work:
        await work.orders.save(order)
        await work.outbox.add(FOLLOW, order.id, paddock.clock.now())
    return None


async def _ask(paddock: Paddock, topic: str, order: Order) -> None:
    async with paddock.db.begin("asked again") as work:
        await work.outbox.ensure(topic, order.id, paddock.clock.now())
