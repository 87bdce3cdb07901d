"""Transfers: the wallet's own money to an address that the policy names, held and counted like a purchase's."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select, update

from agent import approvals, budgets, switch
from agent.account import Sender
from agent.budgets import Budget, HoldState
from agent.calls import Consent, TokenTransfer
from agent.chain import Chain, transfers
from agent.clock import Clock
from agent.decisions import Decision, Verdict, deny
from agent.errors import ApprovalError, ChainUnavailable, Refused
from agent.policy import Policy
from agent.sending import broadcast, hash_of
from agent.store import Store, new_id
from agent.tables import transfers as rows
from agent.transfer_terms import Wish, budgets_of, judged
from protocol.amounts import display

_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
"""A transaction has no end: it may be mined as long as its sender's nonce is unused."""
_MEND = "does the token let its holders move it?"


class State(StrEnum):
    """sent → done by the chain's word, or failed once the chain shows that nothing can move by it any more."""

    SENT = "sent"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A transfer that was signed: `raw` are the transaction's bytes, `nonce` its place among its key's."""

    id: str
    state: str
    network: str
    asset: str
    amount: int
    recipient: str
    payer: str
    key: str
    nonce: int
    raw: bytes
    transaction: str
    created_at: datetime


class Mover:
    """Moves the wallet's money within the policy; what it has signed is followed to its end, never signed anew."""

    def __init__(self, policy: Policy, store: Store, chain: Chain, clock: Clock, sender: Sender, session: str) -> None:
        self._policy, self._store, self._chain, self._clock = policy, store, chain, clock
        self._sender, self._session = sender, session

    def decide(self, wish: Wish) -> Decision:
        """What policy, wallet, switch and budgets say to it. Raises ChainUnavailable; nothing is written or signed."""
        decision = self._judged(wish)
        if decision.verdict is Verdict.DENY:
            return decision
        held = self._chain.balance(wish.asset, self._sender.address)
        if held < wish.amount:
            return deny("wallet.balance", f"the wallet {self._sender.address} holds {display(held, wish.decimals)}")
        try:
            with self._store.begin() as connection:
                switch.require_started(connection)
                budgets.check(connection, wish.network, wish.asset, wish.amount, self._budgets(wish), self._clock.now())
        except Refused as refusal:
            return deny(refusal.rule, str(refusal))
        return decision

    def sign(self, wish: Wish) -> Transfer:
        """Sign it, once, and keep it: from now on it may be sent.

        Raises Refused, also while a person has not agreed; ChainUnavailable, NoGas and WalletError with nothing signed.
        """
        decision = self.decide(wish)
        if decision.verdict is Verdict.DENY:
            raise Refused(decision.rule, decision.detail)
        consent = self._consent(wish, decision.detail) if decision.verdict is Verdict.ASK else None
        call = TokenTransfer(token=wish.asset, to=wish.to, amount=str(wish.amount))
        made = self._sender.unsigned(self._chain, call, _MEND)
        now = self._clock.now()
        with self._store.begin() as connection:
            switch.require_started(connection)
            if consent is not None:
                approvals.use(connection, wish.question(), now)
            moved = self._reserve(connection, wish, made.nonce, now)
            raw = self._sender.signed(made, call, consent)
            moved |= {"raw": raw, "transaction": hash_of(raw)}
            connection.execute(insert(rows).values(moved))
        return Transfer(**moved)

    def _judged(self, wish: Wish) -> Decision:
        return judged(self._policy, wish, self._sender.address, self._clock.now())

    def _budgets(self, wish: Wish) -> tuple[Budget, ...]:
        return budgets_of(self._policy, wish, self._session)

    def _consent(self, wish: Wish, reason: str) -> Consent:
        """What a person has signed for exactly this; else the question is put. Raises Refused."""
        approver, now = self._policy.approval.approver, self._clock.now()
        if not approver or approver in (self._sender.address, self._sender.key):
            raise Refused("approval.nobody", f"{reason}, and the policy names no other person to approve it")
        with self._store.begin() as connection:
            stored = _stored(connection, wish.question())
            used = stored is not None and stored.state is approvals.ApprovalState.USED
            if stored is None or used or now >= stored.expires_at:
                expires = now + timedelta(minutes=self._policy.approval.valid_minutes)
                approvals.forget(connection, wish.question())
                approvals.put(connection, wish.terms(int(expires.timestamp())), approver, reason, now, expires)
                stored = None
        exact = None if stored is None else wish.terms(stored.terms.expires)
        if stored is None or exact is None or not approvals.verify(stored, exact, approver, self._sender.address, now):
            raise Refused("approval.pending", f"{reason}: a person decides about {wish.question()}, then repeat this")
        return Consent(task=wish.task, expires=exact.expires, signature=stored.signature or "")

    def _reserve(self, connection: Connection, wish: Wish, nonce: int, now: datetime) -> dict[str, Any]:
        """Its hold, and the row it will have once it is signed. Raises Refused."""
        moved, payer = new_id("trf"), self._sender.address
        hold = budgets.Hold(
            purchase_id=moved,
            network=wish.network,
            asset=wish.asset,
            amount=wish.amount,
            task=wish.task,
            session=self._session,
            origin=wish.origin,
            payer=payer,
            nonce=hex(nonce),
            valid_before=_FOREVER,
        )
        budgets.reserve(connection, hold, self._budgets(wish), now)
        budgets.move(connection, moved, HoldState.POSSIBLE)
        return {
            "id": moved,
            "state": State.SENT,
            "network": wish.network,
            "asset": wish.asset,
            "amount": wish.amount,
            "recipient": wish.to,
            "payer": payer,
            "key": self._sender.key,
            "nonce": nonce,
            "created_at": now,
        }


def follow(store: Store, chain: Chain, moved: Transfer) -> Transfer:
    """What became of it by the chain's word; sent again, the same bytes, while it is not mined. Raises
    ChainUnavailable."""
    chain.require(moved.network)
    used = chain.transactions_of(moved.key)
    mined = chain.transaction(moved.transaction)
    if mined is None:
        if used > moved.nonce:
            return _end(store, moved, State.FAILED, 0)
        broadcast(chain, moved.raw)
        return moved
    went = sum(transfers(mined, moved.asset, moved.payer, moved.recipient)) if mined.success else 0
    if went:
        return _end(store, moved, State.DONE, went)
    return _end(store, moved, State.FAILED, 0) if mined.block <= chain.final_block() else moved


def follow_all(store: Store, chain: Chain) -> list[Transfer]:
    """Those that the chain had not ended, oldest first, as far as it can be asked about them."""
    found = select(rows).where(rows.c.state == State.SENT).order_by(rows.c.created_at)
    with store.begin() as connection:
        open_ones = [Transfer(**row._mapping) for row in connection.execute(found)]
    followed = []
    for moved in open_ones:
        try:
            followed.append(follow(store, chain, moved))
        except ChainUnavailable:
            followed.append(moved)
    return followed


def _end(store: Store, moved: Transfer, state: State, went: int) -> Transfer:
    with store.begin() as connection:
        if went:
            budgets.settle(connection, moved.id, went)
        else:
            budgets.move(connection, moved.id, HoldState.RELEASED)
        connection.execute(update(rows).where(rows.c.id == moved.id).values(state=state))
    return replace(moved, state=state)


def _stored(connection: Connection, question: str) -> approvals.Approval | None:
    try:
        return approvals.approval(connection, question)
    except ApprovalError:
        return None
