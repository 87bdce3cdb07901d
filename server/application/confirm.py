"""Confirm: whether an order's payment stands in its chain now, as deep as its network's settings want it."""

from server.application.paddock import Paddock
from server.domain.orders import Order
from server.domain.states import PaymentState


async def is_confirmed(paddock: Paddock, order: Order) -> bool:
    """Asks the chain: a block that was there when the payment was written down may be gone. Raises ChainUnavailable."""
    if order.payment is not PaymentState.SETTLED or order.settlement_tx is None:
        return False
    ground = paddock.on(order.terms.network)
    mined = await ground.chain.mined(order.settlement_tx)
    if mined is None or mined.block != order.settlement_block:
        return False
    return await ground.chain.block_number() - mined.block + 1 >= ground.confirmations
