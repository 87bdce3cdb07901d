"""Sign calldata: keep the payer's signature over what its money is to be handed to the merchant's contract with."""

from protocol.callback_data import CallbackChoice
from protocol.errors import ProtocolError
from protocol.payment import Method
from protocol.signatures import recover
from protocol.typed_data import order_nonce
from server.application.execute import callback_of
from server.application.paddock import Paddock
from server.application.wallet_signatures import accepted_on
from server.domain.errors import DuplicateClaim, OrderRefused
from server.domain.merchant_orders import MerchantOrder, calldata_deadline, sign_until
from server.domain.orders import Order
from server.domain.states import FulfilmentState, PaymentState

OPEN = (PaymentState.CREATED, PaymentState.SETTLED)


async def sign_calldata(paddock: Paddock, order: Order, made: MerchantOrder, signature: bytes) -> None:
    """Safe to repeat. Raises OrderRefused for a signature that cannot be the payer's, or comes too late."""
    if not made.calldata:
        raise OrderRefused("this order was made without callback_calldata: there is nothing to sign")
    begun = order.callback_tx or order.fulfilment not in (FulfilmentState.NONE, FulfilmentState.EXECUTING)
    if begun or order.payment not in OPEN or paddock.clock.now() >= sign_until(order):
        raise OrderRefused("the time to sign the calldata of this order is over")
    digest = choice_of(paddock, order, made).digest()
    if not await _is_payers(paddock, order, digest, signature):
        raise OrderRefused(f"signature is not {order.authorization.payer}'s over calldata_sign_request")
    try:
        async with paddock.db.begin("calldata signed") as work:
            await work.merchant_orders.sign(order.id, signature)
    except DuplicateClaim as error:
        raise OrderRefused("another signature is kept for this order already") from error


def choice_of(paddock: Paddock, order: Order, made: MerchantOrder) -> CallbackChoice:
    """What the payer signs."""
    market = paddock.on(order.terms.network).market
    _, contract = callback_of(paddock, order)
    return CallbackChoice(
        chain_id=market.chain_id,
        contract=contract.address,
        token=order.terms.asset,
        owner=market.delegate,
        payer=order.authorization.payer,
        amount=order.terms.amount,
        order_id=order_nonce(order.id),
        deadline=calldata_deadline(order),
        calldata=made.calldata,
        by_permit2=paddock.asset_of(order).method is Method.PERMIT2,
    )


async def _is_payers(paddock: Paddock, order: Order, digest: bytes, signature: bytes) -> bool:
    """By its key, or by what its code says (ERC-1271)."""
    payer = order.authorization.payer
    try:
        if recover(digest, signature) == payer:
            return True
    except ProtocolError:
        pass
    return await accepted_on(paddock.on(order.terms.network).chain)(payer, digest, signature)
