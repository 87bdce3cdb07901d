"""What is kept of actions that buyers may choose, and of every change to them."""

from collections.abc import Sequence
from typing import Protocol

from server.domain.allowlists import AllowlistChange, ListedAction


class Allowlists(Protocol):
    """Actions that were changed at run time; what stands in the code alone has no row."""

    async def all(self) -> Sequence[ListedAction]:
        """Every row, by network, contract and function."""

    async def put(self, action: ListedAction, instead_of: ListedAction | None, note: str) -> None:
        """Store it in the place of the one that was read before, or of none, and the change in the audit: both or none.

        Raises StaleWrite if another one stands there.
        """

    async def changes(self, limit: int) -> Sequence[AllowlistChange]:
        """The audit, newest first. Lines are added, never changed."""
