"""A case: something about an order, or about the books, that a person has to look at and decide."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from server.domain.errors import BadArguments, CaseConflict


class CaseKind(StrEnum):
    """Why a case was opened."""

    PAID_BUT_DENIED = "paid_but_denied"
    """The money came, there is no answer, and no refund is under way."""
    DUPLICATE = "duplicate"
    """One payer paid twice for the same request within minutes."""
    DISPUTED = "disputed"
    """The payer says that something is wrong."""
    RAISED = "raised"
    """The operator wants it looked at and decided."""
    STUCK = "stuck"
    """Something is still to come, and nothing has happened for minutes."""
    MISCHARGED = "mischarged"
    """A facilitator moved another amount for a metered call than the call cost."""
    REFUND_BLOCKED = "refund_blocked"
    """Money is due back and cannot be sent: a liability."""
    REVERSED = "reversed"
    """The chain took a payment back after it had counted."""
    UNTRACKED_TRANSFER = "untracked_transfer"
    """The chain shows a Transfer of a wallet of ours that the ledger does not know."""
    MISSING_JOB = "missing_job"
    """An order had no job that it should have had; it was asked for again."""
    DIFFERENCE = "difference"
    """The ledger books what the chain does not show, or shows differently."""
    LOST_PAYMENT = "lost_payment"
    """After a restore: the chain shows an x402 payment to a merchant that no order accounts for."""


class CaseState(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"


class Outcome(StrEnum):
    """How a case was decided."""

    REFUND = "refund"
    REDELIVERY = "redelivery"
    REJECTION = "rejection"


OF_OURS = frozenset({CaseKind.UNTRACKED_TRANSFER, CaseKind.MISSING_JOB, CaseKind.DIFFERENCE, CaseKind.LOST_PAYMENT})
"""Kinds that say nothing about a buyer's purchase; buyers are not shown them."""
MOST_REASON, MOST_NOTE = 500, 2000
PADDOCK, OPERATOR = "paddock", "operator"
"""Who did something to a case: the marketplace by itself, its operator; else `merchant:<id>` (by its key),
`member:<wallet>` or `payer:<address>`."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a case is opened with. `subject` is the order's id, or a Transfer as `network:transaction:log`.

    `detail` is for staff. `request` names the payer's signed request, which opens one case and no second.
    """

    kind: CaseKind
    subject: str
    detail: str
    order_id: str | None = None
    merchant: str = ""
    by: str = PADDOCK
    request: str | None = None


@dataclass(frozen=True, slots=True)
class CaseChange:
    """One line of a case's timeline, for staff."""

    what: str
    by: str
    note: str = ""


@dataclass(slots=True)
class Case:
    """Moves once, from open to resolved; every change goes on its timeline. `reason` is for the buyer."""

    id: str
    kind: CaseKind
    subject: str
    order_id: str | None
    merchant: str
    detail: str
    opened_at: datetime
    request: str | None = None
    state: CaseState = CaseState.OPEN
    outcome: Outcome | None = None
    reason: str | None = None
    resolved_at: datetime | None = None
    version: int = 0
    changes: list[CaseChange] = field(default_factory=list)

    def note(self, what: str, by: str, text: str = "") -> None:
        """Put a line on the timeline."""
        self.changes.append(CaseChange(what, by, text[:MOST_NOTE]))

    def resolve(self, outcome: Outcome, reason: str, by: str, now: datetime, note: str = "") -> None:
        """Decide. Raises CaseConflict if it was decided already."""
        self.require_open()
        self.state, self.outcome, self.reason, self.resolved_at = CaseState.RESOLVED, outcome, reason, now
        self.note(f"resolved by {outcome}", by, f"{reason} ({note})" if note else reason)

    def require_open(self) -> None:
        """Raises CaseConflict if it was decided."""
        if self.state is not CaseState.OPEN:
            raise CaseConflict(f"the case was resolved by {self.outcome} already", case_id=self.id)

    @property
    def for_buyer(self) -> dict[str, Any]:
        """What the buyer of its order may see of it, as JSON values."""
        return {"kind": self.kind, "state": self.state, "outcome": self.outcome, "reason": self.reason}


def opened(opening: Opening, now: datetime) -> Case:
    """A new case, with its first line."""
    case = Case(
        id="case-" + secrets.token_hex(10),
        kind=opening.kind,
        subject=opening.subject,
        order_id=opening.order_id,
        merchant=opening.merchant,
        detail=opening.detail[:MOST_NOTE],
        opened_at=now,
        request=opening.request,
    )
    case.note("opened", opening.by, opening.detail)
    return case


def shown_to_buyer(cases: Sequence[Case]) -> dict[str, Any] | None:
    """Of an order's cases, newest first, the one that its buyer sees: an open one before a resolved one."""
    own = [case for case in cases if case.kind not in OF_OURS]
    first = next((case for case in own if case.state is CaseState.OPEN), own[0] if own else None)
    return first.for_buyer if first else None


def checked_reason(reason: str, note: str = "") -> str:
    """The reason as it will stand. Raises BadArguments if the buyer would learn nothing, or too much is said."""
    reason = reason.strip()
    if not reason or len(reason) > MOST_REASON or len(note) > MOST_NOTE:
        raise BadArguments(
            f"a decision needs a reason for the buyer, of {MOST_REASON} characters at most; a note may have {MOST_NOTE}"
        )
    return reason
