"""Waiting for a person: a purchase that was put to one goes on by itself as soon as it is answered."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from agent import approvals
from agent.clock import Clock
from agent.disclosure import QUESTION
from agent.models import State
from agent.outcome import Outcome
from agent.store import Store
from agent.watching import Watch

POLL = 0.2
"""Seconds between two looks for an answer."""


@dataclass(frozen=True, slots=True)
class Patience:
    """For how long a person is waited for: so many seconds, or to the end of the question where that is None.

    `tell` gets each outcome that is waited with, as the waiting begins.
    """

    seconds: float | None
    tell: Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Looks for the answers to questions in a store, on a clock."""

    store: Store
    database: Path
    clock: Clock

    def through(self, outcome: Outcome, patience: Patience, go_on: Callable[[str], Outcome]) -> Outcome:
        """The outcome when nobody is waited for any more.

        `go_on` is called with the id of each question that was answered, or of a purchase whose question has lapsed,
        and returns what came of it. Interrupted, or after the patience, everything is as without waiting.
        """
        until = None if patience.seconds is None else self.clock.now() + timedelta(seconds=patience.seconds)
        asked: set[str] = set()
        while outcome.status == State.WAITING and outcome.purchase_id is not None:
            if outcome.purchase_id in asked:
                return outcome
            asked.add(outcome.purchase_id)
            patience.tell(outcome)
            if not self._ended(outcome.purchase_id, until):
                return outcome
            outcome = go_on(outcome.purchase_id)
        return outcome

    def _ended(self, question: str, until: datetime | None) -> bool:
        """Waits for it; False where the patience ends first, or a question that is asked anew has lapsed."""
        with closing(Watch(self.database)) as watch:
            while True:
                with self.store.begin() as connection:
                    stored = approvals.approval(connection, question)
                if stored.state is not approvals.ApprovalState.PENDING:
                    return True
                last = stored.expires_at if until is None else min(until, stored.expires_at)
                while not watch.changed():
                    now = self.clock.now()
                    if now >= last:
                        return now >= stored.expires_at and not question.startswith(QUESTION)
                    self.clock.sleep(min(POLL, (last - now).total_seconds()))
