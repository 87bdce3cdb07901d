"""What is kept for merchants' back ends: their own names for orders, and the nonces of their signed requests."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from server.domain.merchant_orders import MerchantOrder
from server.ports.transfers import Way


class MerchantOrders(Protocol):
    """Orders that merchants' back ends made, beside `Orders`."""

    async def add(self, made: MerchantOrder) -> None:
        """Beside its order, in the same unit of work; raises DuplicateClaim if the merchant used that name before."""

    async def get(self, order_id: str) -> MerchantOrder | None:
        """By the order's id; None if no back end made it."""

    async def named(self, merchant: str, dapp_order_id: str) -> MerchantOrder | None:
        """By the merchant's own name for it."""

    async def equal(self, way: Way, amount: int) -> Sequence[str]:
        """Ids of the orders that wait for a transfer of exactly that amount that way.

        Nobody else is answered for the same way before this unit of work ends, so of two at once one sees the other.
        """


class ApiNonces(Protocol):
    """Nonces of signed requests: each is good once for its merchant."""

    async def use(self, merchant: str, nonce: str, until: datetime, now: datetime) -> None:
        """Use a nonce up; raises DuplicateClaim if it was used. Kept until then; forgets some whose time is over."""
