"""Settle: move an order's money by the facilitator, and believe it only when the chain shows the Transfer."""

import asyncio
from collections.abc import Sequence

import msgspec

from protocol.wire import PaymentPayload, PaymentRequirements, SettleResponse
from server.application.admission import SETTLE
from server.application.admit import watching
from server.application.deliver import FOLLOW, record_settled
from server.application.measures import timed_settlement
from server.application.paddock import Paddock
from server.application.tracing import stage
from server.application.waive import waive
from server.domain.errors import PaymentRefused
from server.domain.evidence import TransferLog, that_moved, transfers_of
from server.domain.orders import Order
from server.domain.outages import ChainUnavailable, FacilitatorUnavailable, Paused, SettlementInDoubt
from server.domain.states import FulfilmentState, PaymentState
from server.ports import Chain

PENDING = "settlement_pending"


async def settle(paddock: Paddock, order: Order) -> Order:
    """The order, settled. Raises PaymentRefused if no money moved, SettlementInDoubt while nobody knows."""
    if order.waived:
        return await waive(paddock, order.id)
    with timed_settlement(paddock.clock):
        return await _settle(paddock, order)


async def _settle(paddock: Paddock, order: Order) -> Order:
    try:
        await paddock.admission.pause.require_running(paddock.db, paddock.clock)
        with watching(paddock, SETTLE, order.terms.network):
            response = await paddock.facilitator.settle(*stored_payment(order))
        if await _did_not_move(paddock, order, response):
            await _refuse(paddock, order, response)
            raise PaymentRefused(response.error_reason or "unexpected_settle_error", response.error_message or "")
        with watching(paddock, order.terms.network, order.terms.network), stage("evidence"):
            transfers = await evidence_in(paddock, order, response.transaction) if response.success else []
    except (FacilitatorUnavailable, ChainUnavailable, Paused) as error:
        await _doubt(paddock, order, error.detail)
        raise SettlementInDoubt(
            "the settlement was asked for and its outcome is not known", order_id=order.id
        ) from error
    if not transfers:
        await _doubt(paddock, order, "the facilitator shows no Transfer that pays this order")
        raise SettlementInDoubt("the settlement is on its way", order_id=order.id, transaction=response.transaction)
    settled = await record_settled(paddock, order.id, transfers)
    if settled.payment is not PaymentState.SETTLED:
        await _doubt(paddock, settled, "the Transfer that the facilitator shows paid another order")
        raise SettlementInDoubt("the settlement is on its way", order_id=order.id)
    return settled


async def evidence_in(paddock: Paddock, order: Order, transaction: str) -> list[TransferLog]:
    """The Transfers in a chain transaction that pay exactly what was agreed, and arrived; mostly one, or none."""
    chain = paddock.on(order.terms.network).chain
    mined = await chain.mined(transaction) if transaction else None
    return await that_pay(chain, order, transfers_of(mined, order.spend)) if mined else []


async def that_pay(chain: Chain, order: Order, transfers: Sequence[TransferLog]) -> list[TransferLog]:
    """Those that moved exactly this order's price from its payer to its recipient, whose balance says so too."""
    return [one for one in that_moved(transfers, order.spend, order.price) if await arrived(chain, one)]


async def arrived(chain: Chain, transfer: TransferLog) -> bool:
    """Whether the recipient's balance changed in that block by what its Transfers say: no fee, and no mere event.

    Looked at twice: a node that makes the next block at this moment may show its state under this one's number. anvil
    does, which takes a call at its newest block for one at whatever is newest when the call runs.
    """
    return await _adds_up(chain, transfer) or await _adds_up(chain, transfer)


async def _adds_up(chain: Chain, transfer: TransferLog) -> bool:
    asset, recipient, block = transfer.asset, transfer.recipient, transfer.block
    before, after, moved = await asyncio.gather(
        chain.token_balance(asset, recipient, block - 1),
        chain.token_balance(asset, recipient, block),
        chain.transfers(asset, recipient, block, block),
    )
    came = sum(one.amount for one in moved if one.recipient == recipient)
    went = sum(one.amount for one in moved if one.sender == recipient)
    return after - before == came - went


async def _did_not_move(paddock: Paddock, order: Order, response: SettleResponse) -> bool:
    """A facilitator's refusal, if the chain does not contradict it.

    Once in doubt, only final evidence may say that the money did not move: that is the workers' `resolve`.
    """
    if response.success or response.error_reason == PENDING or order.payment is not PaymentState.SETTLING:
        return False
    return not await paddock.on(order.terms.network).chain.nonce_used(order.spend)


def stored_payment(order: Order) -> tuple[PaymentPayload, PaymentRequirements]:
    """What a facilitator is asked to settle: the payment as it came, and the terms over what it is to move."""
    payload = msgspec.json.decode(order.authorization.payload, type=PaymentPayload)
    return payload, msgspec.structs.replace(payload.accepted, amount=str(order.price))


async def _refuse(paddock: Paddock, order: Order, response: SettleResponse) -> None:
    order.pay(PaymentState.FAILED, response.error_reason or "")
    if order.fulfilment is FulfilmentState.READY:
        order.fulfil(FulfilmentState.FAILED, "not paid, not released")
    order.failure = response.error_reason
    order.drop_lease()
    async with paddock.db.begin("refused") as work:
        await work.orders.save(order)
        await work.outbox.add(FOLLOW, order.id, paddock.clock.now())


async def _doubt(paddock: Paddock, order: Order, why: str) -> None:
    if order.payment is PaymentState.SETTLING:
        order.pay(PaymentState.IN_DOUBT, why)
    order.drop_lease()
    async with paddock.db.begin("in doubt") as work:
        await work.orders.save(order)
