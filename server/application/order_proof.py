"""Order proof: the marketplace's signed word for the Transfer that paid a merchant's order."""

from protocol.networks import chain_id
from protocol.order_proofs import Binding, OrderProof, ProofPayload
from server.application.paddock import Paddock
from server.domain import ledger
from server.domain.errors import OrderRefused
from server.domain.ledger import Entry
from server.domain.merchant_orders import MerchantOrder, Status, status_of
from server.domain.orders import Order
from server.payments import mode_named

PAID = (Status.PAYMENT_CONFIRMED, Status.INVOICED)


async def order_proof(paddock: Paddock, order: Order, made: MerchantOrder) -> OrderProof:
    """Signed by the receipt key over the newest Transfer that pays it. Raises OrderRefused while it is not paid."""
    status = status_of(order, paddock.clock.now())
    async with paddock.db.read() as view:
        rows = [row for row in ledger.standing(await view.ledger.of(order.id)) if row.kind == "settlement"]
    if status not in PAID or not rows:
        raise OrderRefused(f"the order is {status}: there is a proof once it is paid")
    payload, binding = _payload(paddock, order, rows[-1]), _binding(order, made)
    signature = await paddock.receipts.sign_digest(payload.digest(binding))
    return OrderProof(payload, "0x" + signature.hex(), binding, paddock.receipts.address)


def _payload(paddock: Paddock, order: Order, row: Entry) -> ProofPayload:
    terms = order.terms
    return ProofPayload(
        order_id=order.id,
        tx_hash=row.transaction,
        log_index=row.log_index,
        from_addr=order.authorization.payer,
        to_addr=terms.pay_to,
        amount_wei=str(row.amount),
        chain_id=chain_id(terms.network),
        flow=mode_named(terms.mode.name).flow(paddock.asset_of(order).method),
    )


def _binding(order: Order, made: MerchantOrder) -> Binding:
    terms = order.terms
    return Binding(
        resource=terms.resource_url,
        merchant_id=terms.merchant,
        dapp_order_id=made.dapp_order_id,
        token_contract=terms.asset,
        order_amount_wei=str(terms.amount),
        terms_hash="0x" + terms.intent.hex(),
    )
