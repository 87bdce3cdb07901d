"""Fulfil: run a service's handler for an order and store its answer, unreleased."""

import asyncio
import logging

import msgspec

from server.application.paddock import Paddock
from server.domain.deliveries import Delivery
from server.domain.errors import BadArguments, HandlerFailed, PaddockError, RunAgain
from server.domain.orders import Order
from server.domain.states import FulfilmentState, PaymentState
from server.services.service import Answer, Context, Execution, Service, ServiceError, TryAgain

log = logging.getLogger(__name__)


async def fulfil(paddock: Paddock, service: Service, order: Order) -> None:
    """Run the handler and store `ready` with the answer; on failure store `failed`, charge nothing, and raise."""
    try:
        answer = await run(paddock, service, order, None)
    except PaddockError as error:
        order.fulfil(FulfilmentState.FAILED, error.detail)
        order.drop_lease()
        async with paddock.db.begin("handler failed") as work:
            await work.orders.save(order)
        raise
    delivery = Delivery(order.id, answer.body, answer.content_type, paddock.clock.now())
    if service.metered and answer.charge is not None:
        order.charged = paddock.asset_of(order).charge(answer.charge)
    order.fulfil(FulfilmentState.READY, f"{len(delivery.body)} bytes of {delivery.content_type}")
    order.pay(PaymentState.SETTLING)
    async with paddock.db.begin("ready") as work:
        await work.orders.save(order)
        await work.deliveries.put(delivery)


async def run(paddock: Paddock, service: Service, order: Order, execution: Execution | None) -> Answer:
    """The handler's answer for an order. Raises as `answer` does."""
    asset = paddock.asset_of(order)
    context = Context(
        chain=paddock.on(order.terms.network).chain,
        clock=paddock.clock,
        payer=order.authorization.payer,
        asset=asset.address,
        asset_symbol=asset.symbol,
        asset_decimals=asset.decimals,
        execution=execution,
        order=order.id,
        browser=paddock.browser,
        paid_at=order.paid_at,
    )
    return await answer(service, order.arguments, context, f"order {order.id}")


async def answer(service: Service, given: bytes, context: Context, whose: str) -> Answer:
    """The handler's answer to arguments (JSON). Raises BadArguments for the buyer's mistakes, HandlerFailed else."""
    try:
        arguments = msgspec.json.decode(given, type=service.arguments)
    except msgspec.ValidationError as error:
        raise HandlerFailed(f"{service.slug} takes other arguments now than those that were paid for") from error
    try:
        async with asyncio.timeout(service.timeout):
            made = await service.run(arguments, context)
    except ServiceError as error:
        raise BadArguments(error.detail, error.status) from error
    except PaddockError:
        raise
    except TryAgain as error:
        raise RunAgain(f"{service.slug}: {error}") from error
    except TimeoutError as error:
        raise HandlerFailed(f"{service.slug} did not answer within {service.timeout:g} s") from error
    except Exception as error:
        log.exception("the handler of %s failed on %s", service.slug, whose)
        raise HandlerFailed(f"{service.slug} failed on this request") from error
    if not made.body or made.body == b"null":
        raise HandlerFailed(f"{service.slug} gave an empty answer")
    if service.metered and (made.charge is None or not 0 <= made.charge <= service.amount):
        raise HandlerFailed(f"{service.slug} charges {made.charge} millionths, and may charge 0 to {service.amount}")
    return made
