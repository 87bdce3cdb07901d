"""The checkout: from a 402 to one signed payment, or to a refusal that never reached the signer."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import httpx
from sqlalchemy import Connection

from agent import approvals, budgets, prices, standing
from agent.challenge import Choice, choose
from agent.clock import Clock
from agent.decisions import Decision, Verdict, allow, ask, deny
from agent.errors import Refused
from agent.models import Purchase, State
from agent.payments import mode_named
from agent.policy import Facts, Policy
from agent.store import Store, add_purchase, attempts, change_purchase, purchase, unproven
from agent.terms import Asked, Terms
from agent.wallet import ApprovedTerms, Signer
from protocol.headers import encode
from protocol.schemes import read
from protocol.wire import PaymentPayload


class Funds(NamedTuple):
    """What the wallet holds of an asset, and how much of it Permit2 may move (None where it need not): atomic units."""

    held: int
    allowed: int | None = None


Balance = Callable[[Terms], Funds | None]
"""What the wallet can pay the terms with; None where that is not known."""


class Checkout:
    """One signature per purchase, whatever the seller does.

    Safe to use from many tasks, threads and processes: what must be atomic happens in one store transaction.
    """

    def __init__(self, policy: Policy, store: Store, signer: Signer, clock: Clock) -> None:
        self._policy, self._store, self._signer, self._clock = policy, store, signer, clock
        self._live: set[str] = set()

    def unfinished(self, asked: Asked) -> Purchase | None:
        """An earlier attempt at this very request whose signed bytes are out: they are sent again, never new ones.

        Left alone are those that a call of this object is busy with: equal calls at one time are several purchases.
        """
        with self._store.begin() as connection:
            found = attempts(connection, asked.fingerprint(), State.SENT, State.IN_DOUBT)
        return next((bought for bought in found if bought.id not in self._live), None)

    def consider(
        self, asked: Asked, response: httpx.Response, *, again: bool = False, balance: Balance | None = None
    ) -> Purchase:
        """Decide about a 402: the purchase is `sent` (signed, to be paid now), `waiting` for a person, or `refused`.

        `again` allows what was bought before with a false proof.
        """
        waiting: Purchase | None = None
        try:
            self._refuse_repeat(asked, again)
            choice = choose(response, asked, lambda terms: self._decide(terms, balance))
            waiting = self._waiting(asked)
            decision = self._answered(choice, waiting)
            if decision.verdict is Verdict.ALLOW:
                return self._sign(choice, decision, waiting)
            return waiting or self._ask(choice)
        except Refused as refusal:
            return self._refused(asked, deny(refusal.rule, str(refusal)), waiting)

    @contextmanager
    def sending(self, bought: Purchase) -> Iterator[None]:
        """Around sending and recording: whatever interrupts it leaves the purchase in doubt, never forgotten."""
        try:
            yield
        finally:
            doubt = {"state": State.IN_DOUBT, "detail": "the payment was sent and no answer came"}
            with self._store.begin() as connection:
                change_purchase(connection, bought.id, self._clock.now(), only_from=(State.SENT,), **doubt)
            self._live.discard(bought.id)

    def _decide(self, terms: Terms, balance: Balance | None) -> Decision:
        now = self._clock.now()
        with self._store.begin() as connection:
            told = prices.known(connection, terms, now) | standing.known(connection, terms, now)
            facts = Facts(now=now, payer=self._signer.address, **told)
        decision = self._policy.decide(terms, facts)
        funds = balance(terms) if balance is not None and decision.verdict is not Verdict.DENY else None
        return decision if funds is None else self._short_of(terms, funds, facts.payer) or decision

    def _short_of(self, terms: Terms, funds: Funds, payer: str) -> Decision | None:
        show = self._policy.show
        if funds.held < terms.amount:
            missing = f"{show(terms.amount - funds.held, terms)} is missing on {terms.network}"
            return deny("wallet.balance", f"the wallet {payer} holds {show(funds.held, terms)}; {missing}")
        if funds.allowed is None or funds.allowed >= terms.amount:
            return None
        lacks = (
            f"the wallet {payer} lets Permit2 move {show(funds.allowed, terms)}; {show(terms.amount, terms)} is needed"
        )
        return deny("wallet.allowance", f"{lacks}: paddock-agent allow {terms.asset} {self._policy.plain(terms)}")

    def _refuse_repeat(self, asked: Asked, again: bool) -> None:
        with self._store.begin() as connection:
            doubtful = unproven(connection, asked)
        if doubtful is not None and not again:
            raise Refused("duplicate.unproven", f"{doubtful} bought this, and its proof is false; it takes --again")

    def _waiting(self, asked: Asked) -> Purchase | None:
        with self._store.begin() as connection:
            return next(iter(attempts(connection, asked.fingerprint(), State.WAITING)), None)

    def _answered(self, choice: Choice, waiting: Purchase | None) -> Decision:
        """The policy's decision, and the person's where one was asked. Raises Refused."""
        if waiting is None:
            return choice.decision
        approver = self._policy.approval.approver
        with self._store.begin() as connection:
            stored = approvals.approval(connection, waiting.id)
        if approvals.check(stored, choice.terms, approver, self._signer.address, self._clock.now()):
            return allow("approval", f"approved by {approver}")
        return ask("approval.pending", "a person has not answered yet")

    def _ask(self, choice: Choice) -> Purchase:
        """Put the question to the person. Raises Refused where there is nobody, or no budget left anyway."""
        terms, decision, now = choice.terms, choice.decision, self._clock.now()
        approver = self._policy.approval.approver
        if not approver or approver == self._signer.address:
            raise Refused("approval.nobody", f"{decision.detail}, and the policy names no other person to approve it")
        expires = now + timedelta(minutes=self._policy.approval.valid_minutes)
        row = _columns(terms) | {"state": State.WAITING, "rule": decision.rule, "detail": decision.detail}
        with self._store.begin() as connection:
            spent = budgets.spent_on(connection, terms.network, terms.asset, terms.asked.task, now)
            budgets.check(spent, terms.amount, self._caps(terms))
            bought_id = add_purchase(connection, terms.asked, now, **row)
            approvals.request(connection, bought_id, terms, approver, decision.detail, now, expires)
            return purchase(connection, bought_id)

    def _sign(self, choice: Choice, decision: Decision, waiting: Purchase | None) -> Purchase:
        """Reserve, sign once, and store the signed bytes before anybody gets to send them. Raises Refused."""
        approved = ApprovedTerms(choice.terms, decision)
        nonce = secrets.token_bytes(32)
        now = self._clock.now()
        valid_before = int(now.timestamp()) + self._policy.validity(choice.terms)
        with self._store.begin() as connection:
            bought_id = self._reserve(connection, approved, nonce, valid_before, waiting)
        payload = mode_named(choice.terms.mode).pay(self._signer, approved, nonce, valid_before)
        payment = PaymentPayload(
            x402_version=2,
            resource=choice.required.resource,
            accepted=choice.terms.entry,
            payload=payload,
            extensions=choice.required.extensions,
        )
        digest = read(choice.terms.entry, payload).digest()
        signed = {"state": State.SENT, "payment": encode(payment), "payment_hash": "0x" + digest.hex()}
        self._live.add(bought_id)
        with self._store.begin() as connection:
            budgets.move(connection, bought_id, budgets.HoldState.POSSIBLE)
            change_purchase(connection, bought_id, now, only_from=(State.RESERVED,), **signed)
            return purchase(connection, bought_id)

    def _reserve(
        self, connection: Connection, approved: ApprovedTerms, nonce: bytes, valid_before: int, waiting: Purchase | None
    ) -> str:
        """The purchase's row, its approval spent, and its money set aside: all or nothing. Raises Refused."""
        terms, now = approved.terms, self._clock.now()
        row = _columns(terms) | {
            "state": State.RESERVED,
            "rule": approved.decision.rule,
            "detail": approved.decision.detail,
            "payer": self._signer.address,
            "nonce": "0x" + nonce.hex(),
            "valid_before": datetime.fromtimestamp(valid_before, UTC),
        }
        if waiting is None:
            bought_id = add_purchase(connection, terms.asked, now, **row)
        else:
            bought_id = waiting.id
            approvals.use(connection, bought_id, now)
            change_purchase(connection, bought_id, now, only_from=(State.WAITING,), **row)
        hold = budgets.Hold.of(purchase(connection, bought_id))
        budgets.reserve(connection, hold, self._caps(terms), now)
        return bought_id

    def _caps(self, terms: Terms) -> budgets.Caps:
        limits = self._policy.limits
        return budgets.Caps(self._policy.units(limits.per_task, terms), self._policy.units(limits.per_day, terms))

    def _refused(self, asked: Asked, decision: Decision, waiting: Purchase | None) -> Purchase:
        """Keep the refusal. A question to a person ends by its own rules only, not because a budget is short."""
        now = self._clock.now()
        row = {"state": State.REFUSED, "rule": decision.rule, "detail": decision.detail}
        with self._store.begin() as connection:
            if waiting is not None and decision.rule.startswith("approval."):
                change_purchase(connection, waiting.id, now, only_from=(State.WAITING,), **row)
                return purchase(connection, waiting.id)
            return purchase(connection, add_purchase(connection, asked, now, **row))


def _columns(terms: Terms) -> dict[str, object]:
    """What a purchase keeps of its terms."""
    return {
        "mode": terms.mode,
        "network": terms.network,
        "asset": terms.asset,
        "amount": terms.amount,
        "pay_to": terms.pay_to,
        "contract": terms.callback,
        "scheme": terms.entry.scheme,
        "transfer_method": terms.method,
        "quote_id": terms.quote_id,
        "status_url": terms.status_url,
    }
