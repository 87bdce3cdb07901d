"""The ledger as a whole: how far it was compared with the chains, and what it says of accounts and merchants."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from server.domain.books import Booked, WalletCursor
from server.domain.ledger import Entry
from server.domain.statements import Line, Period, Place


class Bookkeeping(Protocol):
    """Sums are exact to the atomic unit. Everything but `move` and `check` only reads."""

    async def balances(self, network: str, asset: str) -> Mapping[str, int]:
        """What arrived at each account, less what left it; all of them together are zero."""

    async def after(self, network: str, sequence: int, limit: int) -> Sequence[Booked]:
        """Rows with a higher number, lowest first."""

    async def about(self, network: str, transaction: str, log_index: int) -> Sequence[Entry]:
        """All rows for a Transfer, in whichever block it stood."""

    async def first_block(self, network: str) -> int | None:
        """The lowest block that a row names; None where there is none. The oldest rows name none."""

    async def before_block(self, network: str, block: int) -> int | None:
        """A number below those of all rows that stand in that block or a later one; None where there is none."""

    async def cursor(self, network: str, asset: str, address: str) -> WalletCursor | None:
        """How far a wallet was compared; None before the first time."""

    async def move(self, cursor: WalletCursor) -> None:
        """Store a cursor. Raises StaleWrite if somebody stored it since it was read."""

    async def checked(self, network: str) -> int:
        """The number of the last row that was compared with the chain; 0 at first."""

    async def check(self, network: str, old: int, new: int) -> None:
        """Move that number. Raises StaleWrite if it is not `old` any more."""

    async def brought_forward(self, merchant: str, until: datetime) -> Mapping[Place, int]:
        """The balance of a merchant's orders by all rows that were written before a moment."""

    async def lines(self, merchant: str, period: Period, after: Line | None, limit: int) -> Sequence[Line]:
        """The rows of a merchant's orders that were written in a period, by time and number, from behind `after`."""

    async def owed(self, merchant: str, until: datetime) -> Mapping[Place, int]:
        """What was due back to payers of a merchant's orders at a moment, and had not gone; none that are zero.

        Of an order that plain transfers pay it is what its rows brought by then, less its price if it keeps that.
        """
