"""Pay: the whole way of a paid request, from its payment header to an answer that may leave."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from protocol.receipts import EXTENSION, PADDOCK_EXTENSION
from protocol.wire import SettleResponse
from server.application.admission import Slot
from server.application.claim import claim
from server.application.decide import redelivered
from server.application.execute import load
from server.application.fulfil import fulfil
from server.application.paddock import Paddock
from server.application.present import PaidCall, present
from server.application.settle import settle
from server.application.sign_choice import awaits_signature
from server.application.tracing import is_for, stage
from server.domain.deliveries import Delivery
from server.domain.errors import (
    AlreadyDelivered,
    CallbackFailed,
    PaymentConflict,
    PaymentInProgress,
    PaymentRefused,
    StaleWrite,
    UnknownOrder,
)
from server.domain.orders import Order, Shown
from server.domain.outages import SettlementInDoubt
from server.domain.states import FulfilmentState, PaymentState
from server.ports import UnitOfWork
from server.services.service import Service


@dataclass(frozen=True, slots=True)
class Sold:
    """What may leave: the answer (None while a callback is still running) with its settlement."""

    order: Order
    settlement: SettleResponse
    delivery: Delivery | None
    replayed: bool


async def pay(paddock: Paddock, service: Service, call: PaidCall) -> Sold:
    """Sell once: the same payment for the same request gets the same answer, however often and wherever it is sent.

    Raises the errors of `domain.errors`; after each of them the buyer has lost nothing, or the order says what is due.
    """
    presented = present(paddock, service, call)
    is_for(presented.quote.id)
    with paddock.admission.slot(service.slug) as slot:
        async with paddock.admission.claims.place():
            order, owned = await claim(paddock, service, call, presented, slot)
        is_for(order.id)
        if owned:
            try:
                order = await _work(paddock, service, order, slot)
            except StaleWrite:  # somebody took the order over while this process was held up
                order, owned = await load(paddock, order.id), False
    order = await _watch(paddock, order)
    return await _outcome(paddock, order, replayed=not owned)


async def _work(paddock: Paddock, service: Service, order: Order, slot: Slot) -> Order:
    """Bring an order that this process owns as far as it goes; a slow settlement keeps no handler's place."""
    if order.fulfilment is FulfilmentState.RUNNING:
        with stage("fulfil"):
            await fulfil(paddock, service, order)
    slot.free()
    with stage("settle"):
        return await settle(paddock, order)


async def _watch(paddock: Paddock, order: Order) -> Order:
    """Wait while another process works on the order, or the workers run its callback; not for a payer to sign."""
    if await awaits_signature(paddock, order):
        return order
    clock, limits = paddock.clock, paddock.limits
    workers = order.payment is PaymentState.SETTLED and order.fulfilment is not FulfilmentState.RELEASED
    until = clock.now() + timedelta(seconds=limits.wait_for_callback if workers else limits.wait_for_other)
    while _moving(paddock, order) and clock.now() < until:
        await clock.sleep(limits.poll)
        async with paddock.db.read() as view:
            order = await view.orders.get(order.id) or order
    return order


def _moving(paddock: Paddock, order: Order) -> bool:
    waits = order.payment is PaymentState.SETTLED and order.fulfilment not in (
        FulfilmentState.RELEASED,
        FulfilmentState.FAILED,
    )
    return waits or order.leased(paddock.clock.now())


async def _outcome(paddock: Paddock, order: Order, *, replayed: bool) -> Sold:
    """The answer for where the order stands now, or the error that says why there is none."""
    if order.payment is PaymentState.SETTLED:
        async with paddock.db.read() as view:
            if order.fulfilment is FulfilmentState.RELEASED:
                return await released(paddock, view, order, replayed)
            if order.fulfilment is FulfilmentState.FAILED:
                raise CallbackFailed(order.failure or "", **_failure_members(order))
        return Sold(order, settled_response(order), None, replayed)
    if order.shown is Shown.FAILED:
        raise PaymentRefused(order.failure or "invalid_transaction_state", "this payment did not settle")
    if order.shown in (Shown.EXPIRED, Shown.CANCELLED):
        raise PaymentConflict(f"the order is {order.shown}", order_id=order.id)
    if order.payment is PaymentState.IN_DOUBT:
        raise SettlementInDoubt("the settlement's outcome is not known yet", order_id=order.id)
    raise PaymentInProgress("another request works on this payment", order_id=order.id)


async def released(paddock: Paddock, view: UnitOfWork, order: Order, replayed: bool) -> Sold:
    """What was released, with its receipts. Raises AlreadyDelivered, with the receipt, when it is kept no longer."""
    delivery = await view.deliveries.get(order.id)
    receipts = await view.receipts.get(order.id)
    if delivery is None or receipts is None:
        raise UnknownOrder(order.id)
    now = paddock.clock.now()
    lapsed = order.released_at and order.released_at < paddock.kept_since(order.terms.service)
    if lapsed and not await redelivered(view, order.id, now):
        raise AlreadyDelivered("", order_id=order.id, receipt=msgspec.to_builtins(receipts[0]))
    extensions = {
        EXTENSION: {"info": {"receipt": msgspec.json.decode(receipts[1])}},
        PADDOCK_EXTENSION: {"info": msgspec.to_builtins(receipts[0])},
    }
    return Sold(order, settled_response(order, extensions), delivery, replayed)


def settled_response(order: Order, extensions: dict[str, Any] | None = None) -> SettleResponse:
    """PAYMENT-RESPONSE of an order whose money moved."""
    return SettleResponse(
        success=True,
        payer=order.authorization.payer,
        transaction=order.settlement_tx or "",
        network=order.terms.network,
        amount=str(order.price),
        extensions=extensions,
    )


def _failure_members(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.id,
        "refund": {"state": order.money_back.value, "transaction": order.refund_tx},
        "settlement": settled_response(order),
    }
