"""Deliver: write down that money arrived, release what was bought, and sign the receipt."""

import msgspec

from protocol.receipts import SignedReceipt, x402_receipt_digest
from server.application.paddock import Paddock
from server.domain import ledger
from server.domain.deliveries import Delivery
from server.domain.errors import UnknownOrder
from server.domain.evidence import TransferLog
from server.domain.orders import Mode, Order
from server.domain.receipts import receipt_for
from server.domain.states import FulfilmentState, PaymentState
from server.ports import UnitOfWork

EXECUTE, REFUND, FOLLOW, PROVE = "execute", "refund", "follow", "prove"
RESOLVE, RESEND, RECONCILE = "resolve", "resend", "reconcile"
CHAIN_RECEIPTS, ANCHOR = "chain_receipts", "anchor"
"""The outbox's topics; `tasks` has an actor for each."""


async def record_settled(paddock: Paddock, order_id: str, transfer: TransferLog) -> Order:
    """The order's payment is on chain: ledger, then release or hand to the workers, all in one transaction.

    Safe to repeat and to race: the second caller finds it done. Raises StaleWrite when it lost a race in between.
    """
    async with paddock.db.begin("settled") as work:
        order = await work.orders.get(order_id)
        if order is None:
            raise UnknownOrder(order_id)
        if order.payment is PaymentState.SETTLED:
            return order
        order.settlement_tx, order.settlement_block = transfer.transaction, transfer.block
        order.paid_at = paddock.clock.now()
        order.pay(PaymentState.SETTLED, transfer.transaction)
        order.drop_lease()
        receiver = ledger.delegate(order) if order.terms.mode is Mode.DELEGATE else ledger.merchant(order)
        await work.ledger.add(
            ledger.entry(order, "settlement", receiver, ledger.payer(order), transfer.transaction, transfer.log_index)
        )
        delivery = await work.deliveries.get(order_id)
        if order.fulfilment is FulfilmentState.READY and delivery:
            await release(paddock, work, order, delivery)
        else:
            order.fulfil(FulfilmentState.EXECUTING)
            await work.outbox.add(EXECUTE, order.id, paddock.clock.now())
        await work.outbox.add(FOLLOW, order.id, paddock.clock.now())
        await work.orders.save(order)
    return order


async def release(paddock: Paddock, work: UnitOfWork, order: Order, delivery: Delivery) -> None:
    """Move to `released` and keep the signed receipts; the caller saves the order in the same unit of work."""
    order.fulfil(FulfilmentState.RELEASED)
    order.released_at = paddock.clock.now()
    issued_at = int(order.released_at.timestamp())
    receipt = receipt_for(order, delivery, issued_at)
    signature = paddock.receipts.sign_digest(receipt.digest())
    standard = _standard_receipt(paddock, order, issued_at)
    await work.receipts.put(order.id, SignedReceipt(receipt, "0x" + signature.hex()), standard)


def _standard_receipt(paddock: Paddock, order: Order, issued_at: int) -> bytes:
    """The x402 offer-receipt extension's receipt (format eip712), as JSON."""
    payload = {
        "version": 1,
        "network": order.terms.network,
        "resourceUrl": order.terms.resource_url,
        "payer": order.authorization.payer,
        "issuedAt": issued_at,
        "transaction": order.settlement_tx,
    }
    signature = paddock.receipts.sign_digest(x402_receipt_digest(payload))
    return msgspec.json.encode({"format": "eip712", "payload": payload, "signature": "0x" + signature.hex()})
