"""Buyer keys, and what is spent with them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from server.domain.buyer_keys import BuyerKey
from server.domain.orders import Order


class BuyerKeys(Protocol):
    """Keys are never changed but once: to revoked."""

    async def add(self, key: BuyerKey, now: datetime) -> int:
        """Keep one; returns how many of its wallet are live with it.

        Of the same wallet nobody else adds one until this unit of work ends.
        """

    async def of(self, wallet: str, limit: int) -> Sequence[BuyerKey]:
        """A wallet's keys, newest first, also those that count no more."""

    async def find(self, secret: bytes) -> BuyerKey | None:
        """The one with that digest, whether it counts or not."""

    async def hold(self, secret: bytes) -> BuyerKey | None:
        """The same; nobody else holds or revokes it until this unit of work ends."""

    async def revoke(self, wallet: str, key_id: str, now: datetime) -> bool:
        """End a key of that wallet; whether it has such a one. One that is revoked stays as it was."""

    async def spend(self, key: BuyerKey, order: Order) -> int:
        """Note that an order, which is stored, was claimed with the key.

        Returns the atomic units claimed with it in the order's asset on the day (UTC) of the order, the order's own
        among them: charges where they are known, and nothing for what ended without money. Whoever holds the key
        counts all that was claimed before.
        """
