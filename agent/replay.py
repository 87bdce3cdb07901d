"""Replay: what a policy would have said to each purchase that was signed, one after the other, budgets and all."""

import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from agent import budgets, prices
from agent.decisions import Decision, Verdict, deny
from agent.errors import Refused
from agent.models import Purchase, State
from agent.payments import mode_named
from agent.policy import Facts, Policy
from agent.store import Store, asked_in, signed_purchases
from agent.terms import Terms, read_terms
from protocol.headers import decode_json
from protocol.wire import PaymentRequirements


@dataclass(frozen=True, slots=True)
class Replayed:
    """A purchase that was signed, and what the policy says to it now."""

    bought: Purchase
    terms: Terms
    decision: Decision


def replay(store: Store, policy: Policy) -> list[Replayed]:
    """Every signed purchase in its order, at its own time, with what had been bought by then under this policy.

    What it denies counts against no budget; what it would have asked a person for counts as agreed to. Nothing is
    written. Listings of that time are not kept, so rules about what was advertised say nothing.
    """
    with store.begin() as connection:
        signed = signed_purchases(connection)
    with (
        tempfile.TemporaryDirectory(prefix="paddock-replay-") as folder,
        closing(Store(Path(folder) / "replay.db")) as scratch,
        scratch.begin() as connection,
    ):
        return [_again(connection, policy, *one) for one in signed]


def _again(connection: Connection, policy: Policy, bought: Purchase, session: str, now: datetime) -> Replayed:
    terms = _terms(bought)
    facts = Facts(now=now, payer=bought.payer or "", tags=None, **prices.known(connection, terms, now))
    decision = policy.decide(terms, facts)
    if decision.verdict is Verdict.DENY:
        return Replayed(bought, terms, decision)
    counted = policy.budgets(terms.network, terms.asset, task=bought.task, session=session, origin=bought.origin)
    try:
        budgets.reserve(connection, budgets.Hold.of(bought, session), counted, now)
    except Refused as refusal:
        return Replayed(bought, terms, deny(refusal.rule, str(refusal)))
    _remember(connection, bought)
    return Replayed(bought, terms, decision)


def _terms(bought: Purchase) -> Terms:
    """The terms as they were signed."""
    entry = decode_json(bought.entry or b"", PaymentRequirements)
    return read_terms(asked_in(bought), entry, mode_named(bought.mode or "").name)


def _remember(connection: Connection, bought: Purchase) -> None:
    """What the purchase left behind: its price where it was delivered, and of its money what was really spent."""
    if bought.state is State.DELIVERED:
        prices.paid(connection, bought)
        budgets.settle(connection, bought.id, bought.paid)
    elif bought.state in (State.REFUNDED, State.FAILED):
        budgets.move(connection, bought.id, budgets.HoldState.RELEASED)
