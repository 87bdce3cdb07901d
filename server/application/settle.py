"""Settle: move an order's money by the facilitator, and believe it only when the chain shows the Transfer."""

import msgspec

from protocol.wire import PaymentPayload, PaymentRequirements, SettleResponse
from server.application.admission import SETTLE
from server.application.admit import watching
from server.application.deliver import record_settled
from server.application.paddock import Paddock
from server.domain.errors import (
    ChainUnavailable,
    FacilitatorUnavailable,
    Paused,
    PaymentRefused,
    SettlementInDoubt,
)
from server.domain.evidence import TransferLog, transfer_of
from server.domain.orders import Order
from server.domain.states import FulfilmentState, PaymentState

PENDING = "settlement_pending"


async def settle(paddock: Paddock, order: Order) -> Order:
    """The order, settled. Raises PaymentRefused if no money moved, SettlementInDoubt while nobody knows."""
    try:
        await paddock.admission.pause.require_running(paddock.db, paddock.clock)
        with watching(paddock, SETTLE, order.terms.network):
            response = await paddock.facilitator.settle(*_stored_payment(order))
        if await _did_not_move(paddock, order, response):
            await _refuse(paddock, order, response)
            raise PaymentRefused(response.error_reason or "unexpected_settle_error", response.error_message or "")
        with watching(paddock, order.terms.network, order.terms.network):
            transfer = await evidence_in(paddock, order, response.transaction) if response.success else None
    except (FacilitatorUnavailable, ChainUnavailable, Paused) as error:
        await _doubt(paddock, order, error.detail)
        raise SettlementInDoubt(
            "the settlement was asked for and its outcome is not known", order_id=order.id
        ) from error
    if transfer is None:
        await _doubt(paddock, order, "the facilitator shows no Transfer that pays this order")
        raise SettlementInDoubt("the settlement is on its way", order_id=order.id)
    return await record_settled(paddock, order.id, transfer)


async def evidence_in(paddock: Paddock, order: Order, transaction: str) -> TransferLog | None:
    """The order's Transfer in a chain transaction, if it is there and pays exactly what was agreed."""
    mined = await paddock.chain.mined(transaction) if transaction else None
    if mined is None:
        return None
    terms, authorization = order.terms, order.authorization
    transfer = transfer_of(mined, terms.asset, authorization.payer, authorization.nonce)
    return transfer if transfer and pays(order, transfer) else None


def pays(order: Order, transfer: TransferLog) -> bool:
    """Whether a Transfer moved exactly this order's amount from its payer to its recipient."""
    terms = order.terms
    wanted = (terms.asset, order.authorization.payer, terms.pay_to, terms.amount)
    return (transfer.asset, transfer.sender, transfer.recipient, transfer.amount) == wanted


async def _did_not_move(paddock: Paddock, order: Order, response: SettleResponse) -> bool:
    """A facilitator's refusal, if the chain does not contradict it.

    Once in doubt, only final evidence may say that the money did not move: that is the workers' `resolve`.
    """
    if response.success or response.error_reason == PENDING or order.payment is not PaymentState.SETTLING:
        return False
    terms, authorization = order.terms, order.authorization
    return not await paddock.chain.authorization_used(terms.asset, authorization.payer, authorization.nonce)


def _stored_payment(order: Order) -> tuple[PaymentPayload, PaymentRequirements]:
    payload = msgspec.json.decode(order.authorization.payload, type=PaymentPayload)
    return payload, payload.accepted


async def _refuse(paddock: Paddock, order: Order, response: SettleResponse) -> None:
    order.pay(PaymentState.FAILED, response.error_reason or "")
    if order.fulfilment is FulfilmentState.READY:
        order.fulfil(FulfilmentState.FAILED, "not paid, not released")
    order.failure = response.error_reason
    order.drop_lease()
    async with paddock.db.begin("refused") as work:
        await work.orders.save(order)


async def _doubt(paddock: Paddock, order: Order, why: str) -> None:
    if order.payment is PaymentState.SETTLING:
        order.pay(PaymentState.IN_DOUBT, why)
    order.drop_lease()
    async with paddock.db.begin("in doubt") as work:
        await work.orders.save(order)
