"""What is kept for orders that are paid by plain transfers."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from server.domain.transfers import Cursor


class Way(NamedTuple):
    """Whose money goes where: what a Transfer shows, and what an order by transfer waits for."""

    network: str
    asset: str
    payer: str
    pay_to: str


class Transfers(Protocol):
    """How far each network was read, and which orders its Transfers may be for."""

    async def cursor(self, network: str) -> Cursor | None:
        """Where reading goes on; None before it began."""

    async def move(self, cursor: Cursor) -> None:
        """Write the cursor (version 0 begins one), if nobody did since it was read; else raises StaleWrite.

        So whatever else is written in this unit of work is written once for those blocks.
        """

    async def waiting(self, way: Way) -> Sequence[str]:
        """Ids of the orders that wait for such a Transfer, oldest first."""

    async def newest(self, way: Way) -> str | None:
        """The id of the newest order by transfer that goes that way, in whatever state; None if there is none."""

    async def payees(self, network: str) -> set[str]:
        """The addresses that waiting orders of a network are to be paid at."""

    async def lapsed(self, network: str, at: datetime, limit: int) -> Sequence[str]:
        """Ids of waiting orders of a network that expired before that moment, oldest first."""

    async def booked_above(self, network: str, block: int) -> Sequence[str]:
        """Ids of the orders by transfer with a ledger row in a block above that one."""
