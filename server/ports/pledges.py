"""What is kept of refunds under way: which wallet's authorization each comes by."""

from typing import Protocol

from server.domain.pledges import Pledge


class Pledges(Protocol):
    """At most one for each refund, by its name."""

    async def get(self, refund: str) -> Pledge | None:
        """The refund's pledge, or None."""

    async def put(self, pledge: Pledge, instead_of: Pledge | None) -> None:
        """Store it in the place of the one that was read before, or of none.

        Atomic: raises StaleWrite if another one stands there, so of two wallets at once one is pledged.
        """
