"""The checkout: from a 402 to one signed payment, or to a refusal that never reached the signer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import httpx
from sqlalchemy import Connection

from agent import actions, approvals, budgets, capabilities, grants, identity, offers, prices, standing, switch
from agent.authorizing import Authorizing
from agent.challenge import Choice, choose
from agent.clock import Clock
from agent.decisions import Decision, Verdict, allow, ask, deny
from agent.errors import Refused
from agent.identity import AgentId
from agent.models import Purchase, State
from agent.payments import mode_named
from agent.policy import Facts, Policy
from agent.store import Store, add_purchase, attempts, change_purchase, purchase, unproven
from agent.terms import Asked, Terms
from agent.wallet import ApprovedTerms, Signer
from protocol.headers import to_json


class Funds(NamedTuple):
    """What the wallet holds of an asset, and how much of it Permit2 may move (None where it need not): atomic units."""

    held: int
    allowed: int | None = None


class Sources(NamedTuple):
    """What may be asked beside the seller's 402, each None where nobody is to be asked.

    `balance` tells what the wallet can pay the terms with, `keys` what a seller signs its offers with, `wallet` where
    an agent of ERC-8004 is paid; None for what is not known.
    """

    balance: Callable[[Terms], Funds | None] | None = None
    keys: offers.Keys | None = None
    wallet: Callable[[AgentId], str | None] | None = None


NO_SOURCES = Sources()


class Checkout:
    """One signature per purchase, whatever the seller does.

    Safe to use from many tasks, threads and processes: what must be atomic happens in one store transaction.
    """

    def __init__(self, policy: Policy, store: Store, signer: Signer, clock: Clock, session: str) -> None:
        self._policy, self._store, self._signer, self._clock = policy, store, signer, clock
        self._session = session
        self._live: set[str] = set()

    def unfinished(self, asked: Asked) -> Purchase | None:
        """An earlier attempt at this very request whose signed bytes are out: they are sent again, never new ones.

        Left alone are those that a call of this object is busy with: equal calls at one time are several purchases.
        """
        with self._store.begin() as connection:
            found = attempts(connection, asked.fingerprint(), State.SENT, State.IN_DOUBT)
        return next((bought for bought in found if bought.id not in self._live), None)

    def stranger(self, asked: Asked) -> Purchase | None:
        """The refusal of a request to somebody whom the policy does not name: it is not even sent. None for others."""
        denial = self._policy.stranger(asked.origin)
        return None if denial is None else self._refused(asked, denial, None)

    def consider(
        self,
        asked: Asked,
        response: httpx.Response,
        *,
        again: bool = False,
        sources: Sources = NO_SOURCES,
    ) -> Purchase:
        """Decide about a 402: the purchase is `sent` (signed, to be paid now), `waiting` for a person, or `refused`.

        `again` allows what was bought before with a false proof, and lets go of earlier attempts in doubt.
        """
        waiting: Purchase | None = None
        try:
            self._refuse_repeat(asked, again)
            choice = choose(response, asked, lambda terms: self._decide(terms, sources))
            self._refuse_false(choice, sources)
            waiting = self._waiting(asked)
            decision = self._answered(choice, waiting)
            if decision.verdict is Verdict.ALLOW:
                bought = self._sign(choice, decision, waiting)
                if again and bought.state is State.SENT:
                    self._let_go(asked)
                return bought
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

    def _decide(self, terms: Terms, sources: Sources) -> Decision:
        now = self._clock.now()
        with self._store.begin() as connection:
            decision = self._judged(connection, terms, now)
        balance = sources.balance
        funds = balance(terms) if balance is not None and decision.verdict is not Verdict.DENY else None
        return decision if funds is None else self._short_of(terms, funds) or decision

    def _judged(self, connection: Connection, terms: Terms, now: datetime) -> Decision:
        """The policy's word, and that of standing approvals."""
        told = prices.known(connection, terms, now) | standing.known(connection, terms, now)
        tags = capabilities.known(connection, terms.asked, now)
        facts = Facts(now=now, payer=self._signer.address, tags=tags, **told)
        return grants.lifted(connection, self._policy, terms, facts)

    def _short_of(self, terms: Terms, funds: Funds) -> Decision | None:
        show, payer = self._policy.show, self._signer.address
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

    def _refuse_false(self, choice: Choice, sources: Sources) -> None:
        """A seller that signs other terms than it asks for, or is not who the policy says, is paid nothing."""
        terms, now = choice.terms, self._clock.now()
        found = offers.judged(self._policy, self._store, choice.required, terms, now, sources.keys)
        merchant = self._policy.merchant(terms)
        if found is None and merchant is not None and merchant.agent_id and mode_named(terms.mode).to_merchant:
            found = identity.objection(merchant.agent_id, terms.pay_to, sources.wallet)
        if found is not None:
            raise Refused(found.rule, found.detail)

    def _let_go(self, asked: Asked) -> None:
        """Equal requests no longer take up the attempts in doubt, which were bought anew; to be resumed they stay."""
        with self._store.begin() as connection:
            for old in attempts(connection, asked.fingerprint(), State.IN_DOUBT):
                change_purchase(connection, old.id, self._clock.now(), only_from=(State.IN_DOUBT,), fingerprint="")

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
            switch.require_started(connection)
            budgets.check(connection, terms.network, terms.asset, terms.amount, self._budgets(terms), now)
            bought_id = add_purchase(connection, terms.asked, now, **row)
            approvals.request(connection, bought_id, terms, approver, decision.detail, now, expires)
            return purchase(connection, bought_id)

    def _sign(self, choice: Choice, decision: Decision, waiting: Purchase | None) -> Purchase:
        """Reserve, sign once, and store the signed bytes before anybody gets to send them. Raises Refused.

        The hold is on disk before the signer is asked, so that no signature is without one, wherever a process dies.
        """
        approved, life = ApprovedTerms(choice.terms, decision), self._policy.validity(choice.terms)
        signing = Authorizing.of(self._signer, approved, choice.required, self._clock.now(), life)
        with self._store.begin() as connection:
            bought_id = self._reserve(connection, signing, waiting)
        try:
            made = signing.made()
        except Refused as refusal:
            return self._unsigned(bought_id, refusal)
        with self._store.begin() as connection:
            return self._signed(connection, bought_id, made, signing.now)

    def _signed(self, connection: Connection, bought_id: str, made: dict[str, object], now: datetime) -> Purchase:
        """The signature may leave once this is committed."""
        self._live.add(bought_id)
        budgets.move(connection, bought_id, budgets.HoldState.POSSIBLE)
        change_purchase(connection, bought_id, now, only_from=(State.RESERVED,), **made)
        return purchase(connection, bought_id)

    def _unsigned(self, bought_id: str, refusal: Refused) -> Purchase:
        """The signer itself refused: there is no signature, and the money is free again."""
        row = {"state": State.REFUSED, "rule": refusal.rule, "detail": str(refusal)}
        with self._store.begin() as connection:
            budgets.move(connection, bought_id, budgets.HoldState.RELEASED)
            change_purchase(connection, bought_id, self._clock.now(), only_from=(State.RESERVED,), **row)
            return purchase(connection, bought_id)

    def _reserve(self, connection: Connection, signing: Authorizing, waiting: Purchase | None) -> str:
        """The purchase's row, its approval spent, and its money set aside: all or nothing. Raises Refused."""
        switch.require_started(connection)
        approved, terms, now = signing.approved, signing.approved.terms, self._clock.now()
        grant = approved.decision.grant or None
        if grant is not None and self._judged(connection, terms, now).grant != grant:
            raise Refused(grants.RULE, "the standing approval ended before this was signed")
        payer, nonce = self._signer.address, "0x" + signing.nonce.hex()
        until, asked = datetime.fromtimestamp(signing.valid_before, UTC), terms.asked
        row = _columns(terms) | {
            "state": State.RESERVED,
            "rule": approved.decision.rule,
            "detail": approved.decision.detail,
            "grant_id": grant,
            "payer": payer,
            "nonce": nonce,
            "valid_before": until,
        }
        if waiting is None:
            bought_id = add_purchase(connection, asked, now, **row)
        else:
            bought_id = waiting.id
            approvals.use(connection, bought_id, now)
            change_purchase(connection, bought_id, now, only_from=(State.WAITING,), **row)
        hold = budgets.Hold(
            purchase_id=bought_id,
            network=terms.network,
            asset=terms.asset,
            amount=terms.amount,
            task=asked.task,
            session=self._session,
            origin=asked.origin,
            payer=payer,
            nonce=nonce,
            valid_before=until,
        )
        budgets.reserve(connection, hold, self._budgets(terms), now)
        return bought_id

    def _budgets(self, terms: Terms) -> tuple[budgets.Budget, ...]:
        asked, session = terms.asked, self._session
        return self._policy.budgets(terms.network, terms.asset, task=asked.task, session=session, origin=asked.origin)

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
        "action": actions.shown(terms) or None,
        "scheme": terms.entry.scheme,
        "entry": to_json(terms.entry),
        "transfer_method": terms.method,
        "quote_id": terms.quote_id,
        "status_url": terms.status_url,
    }
