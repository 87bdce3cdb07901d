"""Deliver: write down that money arrived, release what was bought, and sign the receipt."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from protocol.receipts import SignedReceipt, x402_receipt_digest
from server.application.paddock import Paddock
from server.application.tracing import on_chain, stage
from server.domain import ledger
from server.domain.deliveries import Delivery
from server.domain.errors import UnknownOrder
from server.domain.evidence import TransferLog
from server.domain.orders import Order
from server.domain.receipts import receipt_for
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.ports import UnitOfWork

EXECUTE, PERFORM, REFUND, FOLLOW, PROVE = "execute", "perform", "refund", "follow", "prove"
ADVANCE, RESOLVE, RESEND, RECONCILE, WATCH = "advance", "resolve", "resend", "reconcile", "watch"
CHAIN_RECEIPTS, ANCHOR, WATCH_TRANSFERS = "chain_receipts", "anchor", "watch_transfers"
"""The outbox's topics; `tasks` has an actor for each."""
FIRST_LOOK = timedelta(seconds=1)
"""A payment is not final in the moment in which it is mined, and whatever hands money on looks at the chain itself."""
UNPAID = (PaymentState.FAILED, PaymentState.EXPIRED, PaymentState.CANCELLED)


async def record_settled(paddock: Paddock, order_id: str, transfers: Sequence[TransferLog]) -> Order:
    """The order's payment is on chain: ledger, then what comes next, all in one transaction.

    `transfers` pay the order, each of them; the first that pays no other one is taken, and without such a one nothing
    changes. Safe to repeat and to race: the second caller finds it done. Raises StaleWrite when it lost a race.
    """
    async with paddock.db.begin("settled") as work:
        order = await work.orders.get(order_id)
        if order is None:
            raise UnknownOrder(order_id)
        transfer = await _unbooked(work, order, transfers)
        if order.payment is PaymentState.SETTLED or transfer is None:
            return order
        was = order.payment
        order.settlement_tx, order.settlement_block = transfer.transaction, transfer.block
        on_chain(transfer.transaction, transfer.block)
        order.paid_at = order.paid_at or paddock.clock.now()
        order.pay(PaymentState.SETTLED, "late" if was in UNPAID else transfer.transaction)
        order.drop_lease()
        if was in UNPAID and not order.atomic:
            await _take_late(paddock, work, order)
        if order.fulfilment is FulfilmentState.RELEASED:
            await sign_again(paddock, work, order)
        elif order.fulfilment is FulfilmentState.EXECUTING and order.atomic:
            await work.outbox.add(EXECUTE, order.id, paddock.clock.now())
        elif order.fulfilment in (FulfilmentState.NONE, FulfilmentState.READY):
            if paddock.on(order.terms.network).confirmations == 1:
                await proceed(paddock, work, order)
            else:
                await work.outbox.add(ADVANCE, order.id, paddock.clock.now())
        await work.outbox.add(FOLLOW, order.id, paddock.clock.now() + FIRST_LOOK)
        await work.orders.save(order)  # before the ledger: who lost a race learns it here
        await work.ledger.add(ledger.entry(order, "settlement", receiver(order), ledger.payer(order), transfer))
    return order


def receiver(order: Order) -> str:
    """The account that an order's payment arrives at."""
    if order.atomic:
        return ledger.executor(order)
    return ledger.delegate(order) if order.terms.mode.held else ledger.merchant(order)


async def _unbooked(work: UnitOfWork, order: Order, transfers: Sequence[TransferLog]) -> TransferLog | None:
    for transfer in transfers:
        if not await work.ledger.booked(order.terms.network, transfer.block_hash, transfer.log_index):
            return transfer
    return None


async def _take_late(paddock: Paddock, work: UnitOfWork, order: Order) -> None:
    """Money for an order that had ended: its answer is ready, if there is one after all, else the money is due back."""
    if order.fulfilment is FulfilmentState.FAILED and await work.deliveries.get(order.id):
        order.fulfil(FulfilmentState.READY, "the payment came late")
        return
    if order.fulfilment is not FulfilmentState.FAILED:
        order.fulfil(FulfilmentState.FAILED, "the order had ended before the money came")
    order.failure = "the payment came after the order had ended"
    order.give_back(MoneyBackState.DUE)
    await work.outbox.add(REFUND, order.id, paddock.clock.now())


async def proceed(paddock: Paddock, work: UnitOfWork, order: Order) -> None:
    """What a settled and confirmed payment sets off; the caller saves the order in the same unit of work."""
    if order.fulfilment is FulfilmentState.READY:
        delivery = await work.deliveries.get(order.id)
        assert delivery is not None
        await release(paddock, work, order, delivery)
    elif order.terms.mode.calls_contract:
        order.fulfil(FulfilmentState.EXECUTING)
        await work.outbox.add(EXECUTE, order.id, paddock.clock.now())
    else:
        await work.outbox.ensure(PERFORM, order.id, paddock.clock.now())


async def release(paddock: Paddock, work: UnitOfWork, order: Order, delivery: Delivery) -> None:
    """Move to `released` and keep the signed receipts; the caller saves the order in the same unit of work."""
    order.fulfil(FulfilmentState.RELEASED)
    order.released_at = order.released_at or paddock.clock.now()
    await _sign(paddock, work, order, delivery)
    await owe_rest(paddock, work, order)


async def owe_rest(paddock: Paddock, work: UnitOfWork, order: Order) -> None:
    """Once an order paid by plain transfers has ended: what it does not keep is due back, and a job sees to it.

    While a refund is on its way, its end asks for the rest; while one is blocked, the rest is owed with it.
    """
    over = order.fulfilment in (FulfilmentState.RELEASED, FulfilmentState.FAILED)
    idle = order.money_back in (MoneyBackState.NONE, MoneyBackState.REFUNDED)
    if order.by_transfer and order.payment is PaymentState.SETTLED and over and idle and order.due_back:
        order.give_back(MoneyBackState.DUE, f"{order.due_back} atomic units that it does not keep")
        order.final_at = None
        await work.outbox.add(REFUND, order.id, paddock.clock.now())
        await work.outbox.add(FOLLOW, order.id, paddock.clock.now())


async def sign_again(paddock: Paddock, work: UnitOfWork, order: Order) -> None:
    """A reorganisation moved the payment of a delivered order: the receipt has to name the chain's new facts."""
    delivery = await work.deliveries.get(order.id)
    assert delivery is not None
    await _sign(paddock, work, order, delivery)


async def _sign(paddock: Paddock, work: UnitOfWork, order: Order, delivery: Delivery) -> None:
    issued_at = int(paddock.clock.now().timestamp())
    receipt = receipt_for(order, delivery, issued_at)
    with stage("receipt"):
        signature = await paddock.receipts.sign_digest(receipt.digest())
        standard = await _standard_receipt(paddock, order, issued_at)
    await work.receipts.put(order.id, SignedReceipt(receipt, "0x" + signature.hex()), standard)


async def _standard_receipt(paddock: Paddock, order: Order, issued_at: int) -> bytes:
    """The x402 offer-receipt extension's receipt (format eip712), as JSON."""
    payload = {
        "version": 1,
        "network": order.terms.network,
        "resourceUrl": order.terms.resource_url,
        "payer": order.authorization.payer,
        "issuedAt": issued_at,
    }
    if order.settlement_tx:  # a metered call that used nothing has none
        payload["transaction"] = order.settlement_tx
    signature = await paddock.receipts.sign_digest(x402_receipt_digest(payload))
    return msgspec.json.encode({"format": "eip712", "payload": payload, "signature": "0x" + signature.hex()})
