"""What is kept of work in progress: jobs, settlements, chain transactions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from server.domain.evidence import Mined
from server.domain.sending import Attempt, ChainTransaction, Sender
from server.domain.settlements import Settlement


@dataclass(frozen=True, slots=True)
class Job:
    """Work to do on a subject. `generation` tells a later request for the same work from this one."""

    id: str
    topic: str
    subject: str
    generation: int
    attempts: int


class Outbox(Protocol):
    """Jobs, written in the transaction that makes them necessary."""

    async def add(self, topic: str, subject: str, due: datetime) -> None:
        """Ask for work; asking again while it is open makes one job of it."""

    async def ensure(self, topic: str, subject: str, due: datetime) -> None:
        """As `add`, but work that is open already keeps its attempts, its error and its time."""

    async def due(self, now: datetime) -> bool:
        """Whether there is anything to take; a cheap look."""

    async def take(self, now: datetime, until: datetime, limit: int) -> Sequence[Job]:
        """Lease due jobs until then; leased ones come back when their time is over."""

    async def finish(self, job: Job) -> None:
        """Done, unless it was asked for again since it was taken."""

    async def put_off(self, job: Job, due: datetime, error: str | None) -> None:
        """Not done yet: hand out again then, or at once if it was asked for again. `error` is for the operator.

        Without one the job only waits for something, and its attempts are counted from the beginning.
        """

    async def waiting(self) -> int:
        """How many jobs are open."""

    async def overdue(self, now: datetime) -> datetime | None:
        """Since when the job has been due that waits longest for somebody to take it; None if none does."""

    async def failing(self, times: int) -> Mapping[str, int]:
        """How many open jobs of each topic have failed at least so often in a row, where any has."""


class Settlements(Protocol):
    """The facilitator's own record: one row for each payment it was asked to settle."""

    async def add(self, settlement: Settlement) -> None:
        """Raises DuplicateClaim if this payment is known."""

    async def get(self, settlement_id: str) -> Settlement | None:
        """The settlement, or None."""

    async def save(self, settlement: Settlement) -> None:
        """Write if nobody wrote since it was read, else StaleWrite."""

    async def sent_in(self, transaction: str) -> Sequence[Settlement]:
        """All settlements that a chain transaction of ours carries, in any state."""

    async def abandoned(self, network: str, lapsed_at: datetime, limit: int) -> Sequence[Settlement]:
        """Queued ones of a network whose lease is over."""

    async def hold(self, settlements: Collection[str], until: datetime) -> None:
        """Lease those of them that are still queued for longer. Whoever has read one may write it all the same."""

    async def failures_of(self, payer: str, since: datetime) -> int:
        """How often settlements of a payer have failed, of those that failed last after `since`."""


class Transactions(Protocol):
    """Chain transactions that we signed: stored before they are broadcast."""

    async def allot(self, network: str, sender: str, at_least: int) -> int:
        """The next nonce of a sending key, locked until this unit of work ends."""

    async def add(self, transaction: ChainTransaction) -> None:
        """Store signed bytes; a second one at the same nonce raises DuplicateClaim."""

    async def attempt(self, transaction: str, attempt: Attempt) -> None:
        """Store a dearer form of a transaction; raises DuplicateClaim if those bytes are stored."""

    async def get(self, transaction: str) -> ChainTransaction | None:
        """By the hash that names it, or None."""

    async def of(self, purpose: str, subject: str) -> ChainTransaction | None:
        """The newest one sent for this purpose and subject, or None."""

    async def senders(self) -> Sequence[Sender]:
        """Every key that was allotted a nonce and signed at it, by network and address."""

    async def unmined(self, network: str, sender: str) -> Sequence[ChainTransaction]:
        """Those without an outcome, in nonce order."""

    async def above(self, network: str, sender: str, block: int, nonce: int) -> Sequence[ChainTransaction]:
        """Those mined above a block, or with this nonce or a later one, in nonce order."""

    async def record(self, transaction: str, mined: Mined) -> None:
        """Write the outcome of one of its attempts; harmless when it is written already."""

    async def lose(self, transaction: str) -> None:
        """Its nonce is gone: none of its attempts can be mined any more."""

    async def reopen(self, transaction: str) -> None:
        """Its outcome was taken back by a reorganisation: it waits again."""
