"""Resolve: bring on an order that nobody works on, by what the chain says."""

from datetime import timedelta

from server.application.deliver import EXECUTE, REFUND, record_settled
from server.application.execute import load
from server.application.paddock import Paddock
from server.application.refund import MOVING
from server.application.settle import pays
from server.domain.evidence import search_from
from server.domain.orders import Order
from server.domain.states import FulfilmentState, PaymentState

UNDECIDED = (PaymentState.SETTLING, PaymentState.IN_DOUBT)
CLOCK_MARGIN = timedelta(seconds=30)
"""A chain's clock may be behind ours by this much; an authorization counts as over only after it."""


async def resolve(paddock: Paddock, order_id: str) -> float | None:
    """One look at an order whose lease is over; None when it needs no more looks, else seconds until the next one."""
    order = await load(paddock, order_id)
    if order.leased(paddock.clock.now()):
        return 2.0
    if order.payment in UNDECIDED:
        return await _by_evidence(paddock, order)
    if order.payment is PaymentState.AUTHORIZED:
        return await _expire(paddock, order)
    if order.money_back in MOVING:
        await _ask(paddock, REFUND, order)
    elif order.fulfilment is FulfilmentState.EXECUTING:
        await _ask(paddock, EXECUTE, order)
    return None


async def _by_evidence(paddock: Paddock, order: Order) -> float | None:
    """Settled if the Transfer is there; failed only if a final block rules it out for good; else look again."""
    if await _settle_by_transfer(paddock, order):
        return None
    terms, authorization = order.terms, order.authorization
    final = await paddock.chain.final_block()
    used = await paddock.chain.authorization_used(terms.asset, authorization.payer, authorization.nonce, block=final)
    if not used and await paddock.chain.block_time(final) < authorization.valid_before.timestamp():
        return 2.0
    # What was used in a block that is final now may have been mined since the first search.
    if not await _settle_by_transfer(paddock, order):
        await _fail(paddock, order, "the authorization was cancelled" if used else "the authorization lapsed unused")
    return None


async def _settle_by_transfer(paddock: Paddock, order: Order) -> bool:
    """Write down the Transfer that pays the order, if the chain shows one."""
    terms, authorization = order.terms, order.authorization
    transfer = await paddock.chain.authorization_transfer(
        terms.asset, authorization.payer, authorization.nonce, search_from(order.since_block)
    )
    if transfer is None or not pays(order, transfer):
        return False
    await record_settled(paddock, order.id, transfer)
    return True


async def _fail(paddock: Paddock, order: Order, reason: str) -> None:
    if order.payment is PaymentState.SETTLING:
        order.pay(PaymentState.IN_DOUBT)
    order.pay(PaymentState.FAILED, reason)
    if order.fulfilment is FulfilmentState.READY:
        order.fulfil(FulfilmentState.FAILED, "not paid, not released")
    order.failure = reason
    async with paddock.db.begin("failed by evidence") as work:
        await work.orders.save(order)


async def _expire(paddock: Paddock, order: Order) -> float | None:
    """Nothing was sent for it: it ends when its authorization can no longer be used."""
    if paddock.clock.now() < order.authorization.valid_before + CLOCK_MARGIN:
        return None
    order.pay(PaymentState.EXPIRED, "the authorization lapsed and was never settled")
    async with paddock.db.begin("expired") as work:
        await work.orders.save(order)
    return None


async def _ask(paddock: Paddock, topic: str, order: Order) -> None:
    async with paddock.db.begin("asked again") as work:
        await work.outbox.ensure(topic, order.id, paddock.clock.now())
