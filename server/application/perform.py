"""Perform: run the handler of a service that is paid first, once, and refund where it fails for good."""

import logging

from server.application.deliver import REFUND, release
from server.application.execute import load
from server.application.fulfil import run
from server.application.paddock import Paddock
from server.domain.deliveries import Delivery
from server.domain.errors import PaddockError, RunAgain
from server.domain.orders import Order
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.services.service import Answer

log = logging.getLogger(__name__)

MOST_RUNS = 5


async def perform(paddock: Paddock, order_id: str) -> float | None:
    """None when the order is delivered or its money due back, else seconds until the next run.

    The order is marked before the handler runs, so that it never runs beside itself or again after a crash: a handler
    with side effects that was interrupted has an unknown outcome, and its buyer gets the money back.
    """
    order = await load(paddock, order_id)
    if order.payment is not PaymentState.SETTLED or order.fulfilment not in (
        FulfilmentState.NONE,
        FulfilmentState.RUNNING,
    ):
        return None
    if order.fulfilment is FulfilmentState.RUNNING:
        if order.leased(paddock.clock.now()):
            return 1.0
        await _give_up(paddock, order, "the handler was interrupted")
        return None
    service = paddock.service_of(order)
    order.fulfil(FulfilmentState.RUNNING)
    order.lease(paddock.clock.now() + paddock.limits.lease)
    async with paddock.db.begin("performing") as work:
        await work.orders.save(order)
    try:
        answer = await run(paddock, service, order, None)
    except RunAgain as error:
        return await _run_later(paddock, order, error.detail)
    except PaddockError as error:
        await _give_up(paddock, order, error.detail)
        return None
    await _done(paddock, order, answer)
    return None


async def _done(paddock: Paddock, order: Order, answer: Answer) -> None:
    delivery = Delivery(order.id, answer.body, answer.content_type, paddock.clock.now())
    order.fulfil(FulfilmentState.READY, f"{len(delivery.body)} bytes of {delivery.content_type}")
    order.drop_lease()
    async with paddock.db.begin("performed") as work:
        await work.deliveries.put(delivery)
        await release(paddock, work, order, delivery)
        await work.orders.save(order)


async def _run_later(paddock: Paddock, order: Order, why: str) -> float | None:
    """The handler says that nothing has happened: once more, a little later each time, up to `MOST_RUNS`."""
    async with paddock.db.read() as view:
        runs = [event for event in await view.orders.timeline(order.id) if event.new == FulfilmentState.RUNNING]
    if len(runs) >= MOST_RUNS:
        await _give_up(paddock, order, f"{why}, {MOST_RUNS} times")
        return None
    order.fulfil(FulfilmentState.NONE, why)
    order.drop_lease()
    async with paddock.db.begin("to perform again") as work:
        await work.orders.save(order)
    return float(2 ** len(runs))


async def _give_up(paddock: Paddock, order: Order, reason: str) -> None:
    """The buyer has paid and gets no answer: the money is due back, and a job sees to it."""
    log.warning("order %s was paid and cannot be fulfilled: %s", order.id, reason)
    order.failure = reason
    order.fulfil(FulfilmentState.FAILED, reason)
    order.give_back(MoneyBackState.DUE)
    order.drop_lease()
    async with paddock.db.begin("perform failed") as work:
        await work.orders.save(order)
        await work.outbox.add(REFUND, order.id, paddock.clock.now())
