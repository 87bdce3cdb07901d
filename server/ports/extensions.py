"""What is kept for the x402 extensions: payment identifiers, and sign-ins."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class Identifiers(Protocol):
    """Clients' own names for their purchases, each within one payer and one intent."""

    async def hold(self, payer: str, intent: bytes, identifier: str, order_id: str) -> str:
        """Tie the identifier to the order, or leave it with the one that has it; the id of the order that has it now.

        Atomic: of several at once one holds it, and all are told which.
        """


class SignIns(Protocol):
    """Wallets that come back for what they bought."""

    async def bought(self, payer: str, intent: bytes, before: datetime, since: datetime) -> str | None:
        """The newest order of this payer for this intent that was claimed before and released since; None if none."""

    async def use(self, nonce: str, until: datetime, now: datetime) -> None:
        """Use a nonce up; raises DuplicateClaim if it was used. Kept until then; forgets some whose time is over."""

    async def use_one_of(self, nonces: Sequence[str], until: datetime) -> bool:
        """Use up one of these that is not used yet, kept until then; whether there was one.

        Atomic: of several at once none gets the same one.
        """
