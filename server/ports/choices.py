"""What is kept of calldata that buyers chose: the payers' signatures over it."""

from typing import Protocol

from server.domain.choices import CalldataSignature


class CalldataSignatures(Protocol):
    """At most one for each order."""

    async def get(self, order_id: str) -> CalldataSignature | None:
        """The order's, or None."""

    async def put(self, signed: CalldataSignature) -> None:
        """Store it. Raises DuplicateClaim if the order has one: the first stays, whatever it is."""
