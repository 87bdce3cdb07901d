"""Merchants as they come, and as they change where they are paid."""

from collections.abc import Sequence
from typing import Protocol

from server.domain.market import Merchant
from server.domain.merchant_changes import MerchantChange


class Merchants(Protocol):
    """Every change stands in an audit. What a process knows of merchants it reads again by itself."""

    async def get(self, merchant: str) -> Merchant | None:
        """As it stands in the database now, or None."""

    async def add(self, merchant: Merchant, by: str) -> None:
        """Take one in. Raises MerchantKnown where the id is taken."""

    async def paid_at(self, pay_to: str) -> int:
        """How many are paid at that address."""

    async def move(self, merchant: Merchant, pay_to: str, by: str) -> None:
        """Pay it elsewhere. Raises StaleWrite if its address is not the one that was read."""

    async def changes(self, merchant: str, limit: int) -> Sequence[MerchantChange]:
        """The audit of one, newest first. Lines are added, never changed."""
