"""Making a receipt from an order and its delivery."""

from protocol.receipts import ZERO_HASH, Receipt
from server.domain.deliveries import Delivery
from server.domain.orders import Order


def receipt_for(order: Order, delivery: Delivery, issued_at: int) -> Receipt:
    """The receipt of a settled and released order; the caller signs it."""
    terms, authorization = order.terms, order.authorization
    assert order.paid_at is not None
    return Receipt(
        order_id=order.id,
        quote_id=order.id,
        resource_url=terms.resource_url,
        intent_hash="0x" + terms.intent.hex(),
        mode=terms.mode.name,
        network=terms.network,
        asset=terms.asset,
        amount=str(order.price),
        payer=authorization.payer,
        pay_to=terms.pay_to,
        payment_hash="0x" + authorization.digest.hex(),
        transaction=order.settlement_tx or ZERO_HASH,
        callback_transaction=order.callback_tx or ZERO_HASH,
        body_hash="0x" + delivery.digest.hex(),
        body_size=len(delivery.body),
        body_type=delivery.content_type,
        paid_at=int(order.paid_at.timestamp()),
        issued_at=issued_at,
        status=order.shown.value,
    )
