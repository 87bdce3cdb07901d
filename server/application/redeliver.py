"""Redeliver: run the handler of a paid order once more, where nothing of it was ever released."""

from server.application.cases import open_case
from server.application.decide import may_run_again
from server.application.deliver import FOLLOW, release
from server.application.execute import load
from server.application.fulfil import run
from server.application.paddock import Paddock
from server.domain.cases import CaseKind
from server.domain.deliveries import Delivery
from server.domain.errors import HandlerFailed, PaddockError
from server.domain.orders import Order
from server.domain.outages import Unavailable
from server.services.service import Answer, Fulfilment


async def redeliver(paddock: Paddock, order_id: str) -> float | None:
    """Make the answer and release it, or open a case that says why there is still none; None: nothing is left to do."""
    order = await load(paddock, order_id)
    if not may_run_again(order):
        return None
    try:
        answer = await _answer(paddock, order)
    except Unavailable:
        raise
    except PaddockError as error:
        async with paddock.db.begin("redelivery failed") as work:
            await open_case(work, CaseKind.PAID_BUT_DENIED, order_id, f"delivering again failed: {error.detail}")
        return None
    delivery = Delivery(order_id, answer.body, answer.content_type, paddock.clock.now())
    async with paddock.db.begin("redelivered") as work:
        await work.deliveries.put(delivery)
        await release(paddock, work, order, delivery)
        order.failure = order.final_at = None
        await work.outbox.add(FOLLOW, order_id, paddock.clock.now())
        await work.orders.save(order)
    return None


async def _answer(paddock: Paddock, order: Order) -> Answer:
    """What the service answers now. Only services without side effects are asked twice."""
    service = paddock.services.get(order.terms.service)
    if service is None:
        raise HandlerFailed(f"{order.terms.service} is not on sale any more")
    if service.fulfilment is not Fulfilment.AFTER_VERIFICATION:
        raise HandlerFailed(f"{service.slug} has side effects and is not run twice")
    return await run(paddock, service, order, None)
