"""What is kept of merchants' fees."""

from collections.abc import Sequence
from typing import Protocol

from server.domain.fees import FeeEntry


class FeeBook(Protocol):
    """Rows are added and never changed; a balance is their sum."""

    async def add(self, entry: FeeEntry) -> None:
        """Raises DuplicateClaim for a second row of one kind and order, EntryRefused for the return of no such fee."""

    async def balance(self, merchant: str) -> int:
        """What a merchant has paid in and not used, in millionths of a dollar.

        Nobody else is answered for this merchant before this unit of work ends, so two never spend the same.
        """

    async def of(self, order_id: str) -> Sequence[FeeEntry]:
        """An order's rows, oldest first."""
