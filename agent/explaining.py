"""Explaining: what each rule of the policy says to each way in which a URL could be paid, without paying it."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import httpx

from agent import budgets, capabilities, grants, offers, prices, standing, switch
from agent.challenge import in_order, read_challenge, speaks
from agent.decisions import Decision, Verdict, deny
from agent.errors import Refused
from agent.payments import mode_of
from agent.policy import Facts, Policy
from agent.store import Store
from agent.terms import Asked, Terms, read_terms
from agent.wallet import Signer
from protocol.errors import ProtocolError
from protocol.wire import PaymentRequired, PaymentRequirements


class Finding(NamedTuple):
    """A rule by its name, and what it minds; None where it minds nothing."""

    rule: str
    decision: Decision | None


@dataclass(frozen=True, slots=True)
class Explained:
    """One entry of a 402 as the agent would consider it; `terms` is None where it cannot be read as such."""

    entry: PaymentRequirements
    terms: Terms | None
    findings: tuple[Finding, ...]

    @property
    def decision(self) -> Decision:
        """What is decided about it."""
        return next(one.decision for one in reversed(self.findings) if one.decision is not None)


class Explainer:
    """Looks at terms as the checkout does, for one wallet, task and session; it signs and writes nothing."""

    def __init__(self, policy: Policy, store: Store, signer: Signer, session: str) -> None:
        self._policy, self._store, self._signer, self._session = policy, store, signer, session

    def explain(self, response: httpx.Response, asked: Asked, now: datetime) -> list[Explained]:
        """Every entry of a 402, in the order in which they are tried. Raises Refused for one that cannot be read."""
        required = read_challenge(response, asked)
        return [self._entry(asked, required, entry, now) for entry in in_order(required)]

    def consider(self, terms: Terms, now: datetime) -> list[Finding]:
        """Rules, switch and budgets, in their order, until one forbids it."""
        with self._store.begin() as connection:
            told = prices.known(connection, terms, now) | standing.known(connection, terms, now)
            tags = capabilities.known(connection, terms.asked, now)
            facts = Facts(now=now, payer=self._signer.address, tags=tags, **told)
            found = [Finding(*one) for one in self._policy.considered(terms, facts)]
            if found[-1].decision is not None and found[-1].decision.verdict is Verdict.DENY:
                return found
            if found[-1].decision is not None and found[-1].decision.verdict is Verdict.ASK:
                found[-1] = Finding(found[-1].rule, grants.lifted(connection, self._policy, terms, facts))
            asked = terms.asked
            counted = self._policy.budgets(
                terms.network, terms.asset, task=asked.task, session=self._session, origin=asked.origin
            )
            try:
                switch.require_started(connection)
                budgets.check(connection, terms.network, terms.asset, terms.amount, counted, now)
            except Refused as refusal:
                return [*found, Finding("budgets", deny(refusal.rule, str(refusal)))]
        return [*found[:-1], Finding("budgets", None), found[-1]]

    def _entry(self, asked: Asked, required: PaymentRequired, entry: PaymentRequirements, now: datetime) -> Explained:
        mode = mode_of(entry)
        if mode is None or not speaks(required, mode):
            unknown = deny("terms.unsupported", f"this agent does not speak the scheme {entry.scheme} in that mode")
            return Explained(entry, None, (Finding("scheme", unknown),))
        try:
            terms = read_terms(asked, entry, mode.name)
        except ProtocolError as error:
            return Explained(entry, None, (Finding("terms", deny("terms.malformed", error.detail)),))
        found = self.consider(terms, now)
        if found[-1].decision is not None and found[-1].decision.verdict is not Verdict.DENY:
            found.insert(-1, Finding("offer", offers.judged(self._policy, self._store, required, terms, now)))
            if found[-2].decision is not None:
                found.pop()
        return Explained(entry, terms, tuple(found))
