"""What is kept of merchants' identities and of the reviews that count."""

from collections.abc import Sequence
from typing import Protocol

from server.domain.reputation import Identity, ReputationCursor, Review, Tally


class Reputation(Protocol):
    """Reviews are added and withdrawn, never changed."""

    async def add(self, review: Review) -> bool:
        """Count a review; False, and nothing is written, if its Transfer, or its place in a registry, has one already.

        So of several at once, whoever gives them, one counts.
        """

    async def of(self, network: str, transaction: str, log_index: int) -> Review | None:
        """The review behind which that Transfer stands, or None."""

    async def withdraw(self, network: str, given_in: str) -> None:
        """Count what was given there no more; idempotent."""

    async def drop_above(self, network: str, block: int) -> None:
        """Forget what was given in a registry above that block."""

    async def tallies(self) -> Sequence[Tally]:
        """The reviews that count, one row for each service of each merchant that has any."""

    async def reviewers(self, network: str, merchant: str) -> Sequence[str]:
        """The payers of a merchant whose reviews in the registry count, each once, in order of address."""

    async def cursor(self, network: str) -> ReputationCursor | None:
        """How far a network's registry was read; None before it began."""

    async def move(self, cursor: ReputationCursor) -> None:
        """Write the cursor (version 0 begins one), if nobody did since it was read; else raises StaleWrite."""

    async def identities(self) -> Sequence[Identity]:
        """All of them, by network and merchant."""

    async def put_identity(self, identity: Identity) -> None:
        """Store, in place of the merchant's earlier one on that network."""
