"""How many orders there were, and how much money moved, in periods."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from server.domain.hours import Sums
from server.domain.order_status import OrderStatus
from server.domain.ranking import Record
from server.domain.statements import Period, Place
from server.domain.trends import Turnover


class Tallies(Protocol):
    """Counts and sums that the database makes, for each of some periods by its index. They only read what falls into
    the periods; sums are exact to the atomic unit."""

    async def orders(self, periods: Sequence[Period]) -> Sequence[Mapping[OrderStatus, int]]:
        """How many orders were made in each, by where they stand now; statuses without any are left out."""

    async def turnover(self, periods: Sequence[Period]) -> Sequence[Mapping[tuple[str, Place], Turnover]]:
        """What rows of the ledger moved that were booked in each, by kind; rows that take one back count below zero."""

    async def records(self, since: datetime) -> Mapping[str, Record]:
        """What became of the orders of each service that were made since then; services without any are left out.

        It reads all of them: for what is kept a while.
        """

    async def closed(self, period: Period) -> Mapping[int, Sums]:
        """What is summed of the closed hours that begin in a period. It reads no order and no row of the ledger, and is
        as exact as counting them: whatever moves an order of such an hour says so in its own unit of work."""

    async def to_close(self, now: datetime, limit: int) -> Sequence[int]:
        """Hours that may be closed, the newest first; then those whose sums have become long."""

    async def close(self, hours: Sequence[int]) -> None:
        """Sums hours up, anew what is closed already; leaves one as it is while an order of it is moving.
        Idempotent, in a unit of work that does nothing else."""
