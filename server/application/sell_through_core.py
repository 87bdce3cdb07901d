"""Sell through a Core: have an order by transfer stand at the Core too, over the same money to the same address."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from server.application.paddock import Paddock
from server.domain.errors import PaddockError
from server.domain.orders import Order
from server.domain.outages import CoreUnavailable

log = logging.getLogger(__name__)


@asynccontextmanager
async def at_core(paddock: Paddock, order: Order) -> AsyncIterator[None]:
    """Around storing a new order. Without a Core nothing is asked; an order that is not stored is cancelled there.

    Raises OrderRefused, CoreUnavailable: also when the Core asks for other money or names another payee, for a Core
    must not lead the money away.
    """
    if paddock.core is None:
        yield
        return
    made = await paddock.core.create("0x" + order.authorization.nonce.hex(), paddock.asset_of(order).symbol, order)
    try:
        if not made.is_for(order.terms):
            log.error("the Core asks for other terms in its order %s than order %s has", made.order_id, order.id)
            raise CoreUnavailable("the Core asks for other terms than ours")
        order.learn("core order", made.order_id)
        yield
    except PaddockError:
        with suppress(PaddockError):  # it expires there by itself
            await paddock.core.cancel(made.order_id)
        raise
