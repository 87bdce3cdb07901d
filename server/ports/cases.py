"""What is kept of cases, and the orders that look as if they needed one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from server.domain.cases import Case, CaseKind, CaseState, Opening


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """One line of a case's timeline; `sequence` grows over all cases."""

    sequence: int
    case_id: str
    at: datetime
    what: str
    by: str
    note: str


class Cases(Protocol):
    """Cases and their timelines. Timelines are added to, never changed."""

    async def open(self, opening: Opening) -> Case:
        """The one open case of that kind and subject, made now if there is none.

        Atomic, also against other processes, and idempotent. Raises DuplicateClaim if the opening's request has opened
        a case before that is no longer open.
        """

    async def get(self, case_id: str) -> Case | None:
        """The case, or None."""

    async def about(self, kind: CaseKind, subject: str) -> Case | None:
        """The newest case of that kind and subject, open or not; None if there never was one."""

    async def of(self, order_id: str) -> Sequence[Case]:
        """The order's cases, newest first."""

    async def listed(
        self, limit: int, *, state: CaseState | None = None, kind: CaseKind | None = None, merchant: str | None = None
    ) -> Sequence[Case]:
        """Cases that are all of what is named, newest first."""

    async def open_kinds(self) -> Mapping[CaseKind, int]:
        """How many are open of each kind of which any is."""

    async def save(self, case: Case) -> None:
        """Write if nobody wrote since it was read, else StaleWrite; appends the changes to the timeline."""

    async def timeline(self, case_id: str) -> Sequence[CaseEvent]:
        """The case's events, oldest first."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """An order that was paid `after` an equal one of the same payer, the `first`."""

    order_id: str
    first: str
    after: timedelta


class Suspects(Protocol):
    """Orders that look as if something were wrong, and that have no case for it yet, oldest first."""

    async def stuck(self, before: datetime, limit: int) -> Sequence[str]:
        """Orders with something to come on whose timeline nothing was written since then."""

    async def denied(self, limit: int) -> Sequence[str]:
        """Settled and failed ones whose money is not on its way back: neither asked for, or blocked."""

    async def repeated(self, since: datetime, within: timedelta, limit: int) -> Sequence[Repeated]:
        """Of the orders claimed since then: kept and paid within so much of an equal one of the same payer.

        At most one for a payer and an intent: none, where a case says so since then.
        """

    async def jobless(self, since: datetime, limit: int) -> Sequence[tuple[str, str]]:
        """(order id, topic) of settled orders, claimed since then, whose next job is not in the outbox."""
