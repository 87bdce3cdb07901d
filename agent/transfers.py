"""Transfers: the wallet's own money to an address that the policy names, held and counted like a purchase's."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from agent import approvals, budgets, switch
from agent.account import Sender
from agent.approvals import ZERO_ADDRESS, ApprovalTerms
from agent.budgets import Budget, HoldState
from agent.chain import Chain, call_data, transfers
from agent.clock import Clock
from agent.decisions import Decision, Verdict, allow, ask, deny
from agent.errors import ApprovalError, ChainUnavailable, Refused
from agent.policy import Policy
from agent.sending import broadcast, hash_of, signed, unsigned
from agent.store import Store, new_id
from agent.tables import transfers as rows
from protocol.amounts import atomic, display

QUESTION = "trf_"
"""How the id of a transfer begins, and of the question to a person about one."""
MODE = "TRANSFER"
"""The mode of an approval that lets money go to an address."""
_NO_BODY = "0x" + "00" * 32
_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
"""A transaction has no end: it may be mined as long as its sender's nonce is unused."""
_MEND = "does the token let its holders move it?"


class Wish(NamedTuple):
    """What a person wants moved: atomic units of an asset, with the decimals that it has on chain."""

    network: str
    asset: str
    decimals: int
    to: str
    amount: int
    task: str

    def question(self) -> str:
        """The id under which a person is asked about exactly this."""
        fields = (self.network, self.asset, self.to, str(self.amount), self.task)
        return QUESTION + hashlib.sha256("\n".join(fields).encode()).hexdigest()[:16]

    @property
    def origin(self) -> str:
        """What its hold has in the place of a merchant."""
        return f"transfer:{self.to}"


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
        if decision.verdict is Verdict.ASK:
            self._require_yes(wish, decision.detail)
        data = call_data("transfer(address,uint256)", wish.to, hex(wish.amount))
        key = self._sender.key
        made = unsigned(self._chain, str(key.address), *self._sender.envelope(wish.asset, data), _MEND)
        now = self._clock.now()
        with self._store.begin() as connection:
            switch.require_started(connection)
            if decision.verdict is Verdict.ASK:
                approvals.use(connection, wish.question(), now)
            moved = self._reserve(connection, wish, made["nonce"], now)
            raw = signed(key, made)
            moved |= {"raw": raw, "transaction": hash_of(raw)}
            connection.execute(insert(rows).values(moved))
        return Transfer(**moved)

    def _judged(self, wish: Wish) -> Decision:
        file, now = self._policy.file, self._clock.now()
        if file.hours is not None and not file.hours.hold(now):
            return deny("hours", f"the policy pays from {file.hours.from_} to {file.hours.to} {file.hours.zone} only")
        if wish.network not in file.networks:
            return deny("network.unknown", f"{wish.network} is not among the policy's networks")
        asset = self._policy.asset(wish.network, wish.asset)
        if asset is None:
            return deny("asset.unknown", f"the token {wish.asset} on {wish.network} is not among the policy's assets")
        if asset.decimals != wish.decimals:
            return deny("asset.decimals", f"the policy says {asset.decimals} decimals; the token has {wish.decimals}")
        if wish.to not in (one.to for one in file.transfers):
            return deny("recipient.unknown", f"{wish.to} is not among the policy's transfers")
        if wish.to in (ZERO_ADDRESS, wish.asset, self._sender.address):
            return deny("recipient.own", "the money would go to nobody, to the token itself, or to this very wallet")
        shown = f"{display(wish.amount, wish.decimals)} {asset.symbol}".strip()
        if not 0 < wish.amount <= atomic(self._policy.limits.per_call, asset.decimals):
            return deny("limits.per_call", f"{shown} is nothing, or above the limit for one call")
        if wish.amount > atomic(self._policy.approval.above, asset.decimals):
            return ask("approval.above", f"{shown} is above what the agent may pay by itself")
        return allow("transfers", f"{shown} to {wish.to}")

    def _budgets(self, wish: Wish) -> tuple[Budget, ...]:
        """Those of every purchase, and the recipient's own."""
        shared = self._policy.budgets(wish.network, wish.asset, task=wish.task, session=self._session)
        index, rule = next((i, one) for i, one in enumerate(self._policy.file.transfers) if one.to == wish.to)
        if not rule.per_day:
            return shared
        most, words = atomic(rule.per_day, wish.decimals), f"{wish.to} in 24 hours"
        return (*shared, Budget(f"transfers[{index}].per_day", most, words, True, "origin", wish.origin))

    def _require_yes(self, wish: Wish, reason: str) -> None:
        """A person has agreed to exactly this; else the question is put. Raises Refused."""
        approver, now = self._policy.approval.approver, self._clock.now()
        if not approver or approver in (self._sender.address, str(self._sender.key.address)):
            raise Refused("approval.nobody", f"{reason}, and the policy names no other person to approve it")
        with self._store.begin() as connection:
            stored = _stored(connection, wish.question())
            used = stored is not None and stored.state is approvals.ApprovalState.USED
            if stored is None or used or now >= stored.expires_at:
                expires = now + timedelta(minutes=self._policy.approval.valid_minutes)
                approvals.forget(connection, wish.question())
                approvals.put(connection, _terms(wish, int(expires.timestamp())), approver, reason, now, expires)
                stored = None
        exact = None if stored is None else _terms(wish, stored.terms.expires)
        if stored is None or exact is None or not approvals.verify(stored, exact, approver, self._sender.address, now):
            raise Refused("approval.pending", f"{reason}: a person decides about {wish.question()}, then repeat this")

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
            "key": str(self._sender.key.address),
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


def _terms(wish: Wish, expires: int) -> ApprovalTerms:
    return ApprovalTerms(
        purchase_id=wish.question(),
        method=MODE,
        url=f"{wish.network}:{wish.to}",
        body_hash=_NO_BODY,
        network=wish.network,
        asset=wish.asset,
        amount=str(wish.amount),
        pay_to=wish.to,
        mode=MODE,
        callback=ZERO_ADDRESS,
        expires=expires,
    )
