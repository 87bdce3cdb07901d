"""The Core that this marketplace's own services are sold through, where one is configured."""

from typing import Protocol

from server.domain.core import CoreOrder
from server.domain.orders import Order


class Core(Protocol):
    """Keeps orders for merchants. Its word moves nothing here: what was paid is what the chain shows."""

    async def create(self, name: str, symbol: str, order: Order) -> CoreOrder:
        """An order over the same money at the Core. Idempotent by `name`: whoever asks again gets the same one.

        Raises OrderRefused in the Core's words, CoreUnavailable where it does not answer, or not sensibly.
        """

    async def cancel(self, core_order_id: str) -> None:
        """End one that nobody will pay. Raises OrderRefused, CoreUnavailable."""
