"""What was decided and bought, as the pages show it: lists with filters, and one purchase from question to proof."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from agent import approvals, receipts
from agent.approvals import Approval, ApprovalState
from agent.decisions import Verdict
from agent.errors import ApprovalError, UnknownPurchase
from agent.models import Purchase, State, holds, purchases
from agent.models import approvals as questions
from agent.outcome import Outcome, outcome_of
from agent.receipts import Kept
from agent.store import newest, purchase

MOST = 200
FILTERS = {"state": purchases.c.state, "rule": purchases.c.rule, "merchant": purchases.c.origin}
_VERDICTS = {State.REFUSED: Verdict.DENY, State.WAITING: Verdict.ASK}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a purchase. `kind` is done, now or failed."""

    at: datetime
    what: str
    note: str = ""
    kind: str = "done"


@dataclass(frozen=True, slots=True)
class Story:
    """A purchase with everything that is kept about it."""

    bought: Purchase
    outcome: Outcome
    steps: Sequence[Step]
    question: Approval | None
    kept: Kept | None


def verdict(bought: Purchase) -> Verdict:
    """What was decided about it: what is not refused and waits for nobody was allowed."""
    return _VERDICTS.get(bought.state, Verdict.ALLOW)


def decisions(connection: Connection, chosen: dict[str, str]) -> list[Purchase]:
    """The newest purchases that fit the filters."""
    return newest(connection, MOST, *(FILTERS[name] == value for name, value in chosen.items()))


def choices(connection: Connection) -> dict[str, list[str]]:
    """What each filter can be set to."""
    return {
        name: list(connection.execute(select(column).distinct().order_by(column)).scalars())
        for name, column in FILTERS.items()
    }


def kept_receipts(connection: Connection) -> list[tuple[Kept, Outcome]]:
    """What was delivered, newest first."""
    found = receipts.kept_all(connection)[::-1][:MOST]
    return [(one, outcome_of(connection, purchase(connection, one.purchase_id))) for one in found]


def story(connection: Connection, purchase_id: str) -> Story:
    """One purchase. Raises UnknownPurchase."""
    bought = purchase(connection, purchase_id)
    try:
        question = approvals.approval(connection, purchase_id)
    except ApprovalError:
        question = None
    try:
        kept = receipts.kept(connection, purchase_id)
    except UnknownPurchase:
        kept = None
    steps = [*_asked(connection, bought, question), *_paid(connection, bought), *_delivered(bought, kept)]
    return Story(bought, outcome_of(connection, bought), steps, question, kept)


def _asked(connection: Connection, bought: Purchase, question: Approval | None) -> list[Step]:
    steps = [Step(bought.created_at, "Asked for", f"{bought.method} {bought.url}, task {bought.task}")]
    if question is not None:
        kind = "now" if question.state is ApprovalState.PENDING else "done"
        steps.append(Step(question.created_at, "Put to a person", question.reason, kind))
        row = connection.execute(select(questions).where(questions.c.id == bought.id)).one()
        if row.decided_at is not None:
            refused = question.state is ApprovalState.DENIED
            words = ("Denied", "", "failed") if refused else ("Approved", f"signed by {question.approver}", "done")
            steps.append(Step(row.decided_at, *words))
    if bought.state is State.REFUSED:
        steps.append(Step(bought.updated_at, "Refused", f"{bought.rule}: {bought.detail}", "failed"))
    return steps


def _paid(connection: Connection, bought: Purchase) -> list[Step]:
    """From the money set aside to the word of the chain."""
    hold: Any = connection.execute(select(holds).where(holds.c.purchase_id == bought.id)).one_or_none()
    if hold is None or bought.state is State.REFUSED:
        return []
    until = f"the authorization counts until {hold.valid_before:%H:%M:%S} UTC"
    return [Step(hold.created_at, "Money set aside, and signed", f"{bought.rule}; {until}; {hold.state}")]


def _delivered(bought: Purchase, kept: Kept | None) -> list[Step]:
    steps = []
    if kept is not None:
        steps.append(Step(kept.created_at, "Delivered", f"{kept.body_size} bytes, {kept.body_type}"))
        if kept.checked_at is not None:
            kind = "failed" if kept.evidence() else "done"
            steps.append(Step(kept.checked_at, "Checked against the chain", f"proof {bought.proof}", kind))
    if bought.state is State.REFUNDED:
        steps.append(Step(bought.updated_at, "Refunded", bought.detail))
    if bought.state is State.FAILED:
        steps.append(Step(bought.updated_at, "Failed", bought.detail, "failed"))
    if bought.state in (State.RESERVED, State.SENT, State.IN_DOUBT):
        steps.append(Step(bought.updated_at, "In doubt", bought.detail, "now"))
    return steps
