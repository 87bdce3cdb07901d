"""The planner: which offers a job's steps take, what fits its budget, and buying them one after the other.

It decides by rules, from typed prices and standings; policy, budgets and approvals judge each purchase as any other.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from agent import receipts, shopping
from agent.buyer import Buyer
from agent.errors import SellerUnavailable
from agent.jobs import Job, JobError, Step, filled, units
from agent.market import Offer
from agent.models import State
from agent.outcome import Outcome, outcome_of
from agent.store import attempts
from agent.terms import Asked

TASK_RULE = "limits.per_task"
OVER = "job.budget"
FATAL = ("waiting", "in_doubt")


@dataclass(frozen=True, slots=True)
class Planned:
    """A step with its offers, the best first, and why it is left out; empty where it is not.

    `kept` is what the task has bought for it already.
    """

    step: Step
    offers: tuple[Offer, ...] = ()
    skipped: str = ""
    kept: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """How a step ended: `status` is an outcome's, or skipped, or kept for what the task had bought before."""

    step: Step
    status: str
    detail: str = ""
    outcome: Outcome | None = None
    answer: Any = None


class Planner:
    """Plans and runs jobs with a buyer."""

    def __init__(self, buyer: Buyer) -> None:
        self._buyer = buyer

    def plan(self, job: Job) -> list[Planned]:
        """What would be bought. Raises JobError where what is not optional has no offer, or does not fit the budget."""
        sellers = job.sellers or tuple(one.origin for one in self._buyer.policy.file.merchants)
        planned: list[Planned] = []
        answers: dict[str, Any] = {}
        for step in job.steps:
            planned.append(self._offered(job, step, sellers, answers))
            if (kept := planned[-1].kept) is not None:
                answers[step.id] = _read(kept.body)
        left = units(job.budget, "budget") - self.spent(job)
        while sum(self._price(one) for one in planned) > left:
            planned = _without_the_last_optional(planned)
        return planned

    def run(self, job: Job) -> Iterator[Done]:
        """Buy what is planned; ends early where a person, the chain or the budget has the word.

        What this task has bought already, by the very same request, is not bought again.
        """
        answers: dict[str, Any] = {}
        for planned in self.plan(job):
            missing = planned.step.needs() - answers.keys()
            if planned.skipped or missing:
                why = planned.skipped or f"it takes from {min(missing)}, which is missing"
                yield Done(planned.step, "skipped", why)
                continue
            done = self._step(job, planned, answers)
            if done.status in ("delivered", "kept"):
                answers[planned.step.id] = done.answer
            yield done
            if done.status in FATAL or (done.status not in ("delivered", "kept") and not planned.step.optional):
                return

    def spent(self, job: Job) -> int:
        """What counts against the job's budget now, in the common measure."""
        spent = 0
        for asset in self._buyer.policy.file.assets:
            level = self._buyer.budgets(asset.network, asset.address, job.task)[TASK_RULE]
            spent += shopping.in_common(self._buyer, asset.network, asset.address, level.spent)
        return spent

    def _offered(self, job: Job, step: Step, sellers: tuple[str, ...], answers: Mapping[str, Any]) -> Planned:
        """With what earlier steps have answered already, if they have."""
        try:
            found = shopping.discovered(self._buyer, sellers, step.want)
        except SellerUnavailable as error:
            found, why = [], str(error)
        else:
            why = f"no offer for {step.want!r} is allowed"
        kept = self._known(job, step, found, answers)
        if kept is not None:
            return Planned(step, kept=kept)
        offers = shopping.allowed(self._buyer, found, job.task)
        if step.most:
            most = units(step.most, f"{step.id}.most")
            offers = [one for one in offers if shopping.worth(self._buyer, one) <= most]
        if not offers and not step.optional:
            raise JobError(f"{step.id}: {why}", "see: paddock-agent policy test")
        return Planned(step, tuple(offers), "" if offers else why)

    def _known(self, job: Job, step: Step, offers: Iterable[Offer], answers: Mapping[str, Any]) -> Outcome | None:
        """What the task has bought of it, where its whole input is known already."""
        try:
            return self._kept(job, offers, filled(step.input, answers)) if step.needs() <= answers.keys() else None
        except JobError:
            return None

    def _price(self, planned: Planned) -> int:
        nothing = planned.skipped or planned.kept is not None
        return 0 if nothing else shopping.worth(self._buyer, planned.offers[0])

    def _step(self, job: Job, planned: Planned, answers: Mapping[str, Any]) -> Done:
        """The best offer, and where it refuses or fails without a payment the next one."""
        if planned.kept is not None:
            return _again(planned.step, planned.kept)
        try:
            given = filled(planned.step.input, answers)
        except JobError as error:
            return Done(planned.step, "failed", str(error))
        done = Done(planned.step, "failed", "nothing was tried")
        kept = self._kept(job, planned.offers, given)
        if kept is not None:
            return _again(planned.step, kept)
        for offer in planned.offers:
            if shopping.worth(self._buyer, offer) > units(job.budget, "budget") - self.spent(job):
                done = Done(planned.step, "refused", f"{OVER}: too little of the job's budget is left for {offer.url}")
                continue
            outcome = shopping.take(self._buyer, offer, given, job.task)
            done = Done(planned.step, outcome.status, f"{outcome.rule}: {outcome.detail}", outcome, _read(outcome.body))
            if outcome.status in ("delivered", *FATAL):
                return done
        return done

    def _kept(self, job: Job, offers: Iterable[Offer], given: Any) -> Outcome | None:
        """What this task has bought of one of these offers with that input."""
        for offer in offers:
            asked = Asked.of(shopping.request_for(offer, given), job.task)
            with self._buyer.store.begin() as connection:
                found = attempts(connection, asked.fingerprint(), State.DELIVERED)
                if found:
                    body = receipts.kept(connection, found[0].id).body
                    return replace(outcome_of(connection, found[0]), body=body)
        return None


def _again(step: Step, kept: Outcome) -> Done:
    return Done(step, "kept", "this task has bought it before", kept, _read(kept.body))


def _without_the_last_optional(planned: list[Planned]) -> list[Planned]:
    for index in range(len(planned) - 1, -1, -1):
        one = planned[index]
        if one.step.optional and one.offers and not one.skipped:
            left_out = replace(one, skipped="the job's budget is too small for it")
            return [*planned[:index], left_out, *planned[index + 1 :]]
    raise JobError("what is not optional costs more than the job's budget has left", "raise it, or want less")


def _read(body: bytes) -> Any:
    """An answer as later steps take from it: JSON, or its text."""
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body.decode(errors="replace")
