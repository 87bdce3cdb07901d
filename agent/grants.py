"""Standing approvals: a person's signature by which purchases like one that they saw pass without asking again.

One lifts the one rule that asked. Whatever denies still denies, whatever else would ask still asks, and budgets, hours
and the kill switch hold as ever.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
from eth_account.signers.local import LocalAccount
from sqlalchemy import Connection, RowMapping, insert, select, update

from agent import approvals
from agent.approvals import ZERO_ADDRESS, Approval, open_question, require_signed_by, signing_domain, typed_data
from agent.decisions import Decision, Verdict, allow
from agent.errors import ApprovalError
from agent.models import grants
from agent.policy import QUESTIONS, Facts, Policy
from agent.policy_file import PolicyFile
from agent.store import purchase
from agent.terms import Terms, origin_of, path_of
from agent.wallet import sign_digest
from protocol.errors import ProtocolError
from protocol.signatures import parse_hex, recover
from protocol.typed_data import typed_digest

RULE = "approval.standing"
QUESTION = "pur_"
"""How the id of a question begins that a standing approval can be given for."""
DAY_SECONDS = 86_400
PRIMARY = "StandingApproval"
_FIELDS = {
    "id": "string",
    "origin": "string",
    "method": "string",
    "path": "string",
    "rule": "string",
    "network": "string",
    "asset": "address",
    "most": "uint256",
    "payTo": "address",
    "mode": "string",
    "scheme": "string",
    "callback": "address",
    "calldata": "bytes",
    "since": "uint256",
    "until": "uint256",
}


class GrantTerms(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """All that the person agrees to: `most` in atomic units as a decimal string, times in Unix seconds.

    Query and body of the request are free; what a contract is to do is not, to the byte.
    """

    id: str
    origin: str
    method: str
    path: str
    rule: str
    network: str
    asset: str
    most: str
    pay_to: str
    mode: str
    scheme: str
    callback: str
    calldata: str
    since: int
    until: int

    def digest(self) -> bytes:
        """The EIP-712 digest that the approver signs."""
        message = msgspec.to_builtins(self) | {"most": int(self.most)}
        message["calldata"] = parse_hex(self.calldata, "calldata")
        return typed_digest(signing_domain(self.network), PRIMARY, _FIELDS, message)

    def typed_data(self) -> dict[str, Any]:
        """The same for a wallet to show and sign (`eth_signTypedData_v4`)."""
        times = {"since": str(self.since), "until": str(self.until)}
        return typed_data(self.network, PRIMARY, _FIELDS, msgspec.to_builtins(self) | times)

    def covers(self, terms: Terms, rule: str) -> bool:
        """Whether these terms, which that rule asks about, are like those that the person saw."""
        same = (
            (self.origin, terms.asked.origin),
            (self.method, terms.asked.method),
            (self.path, terms.asked.path),
            (self.rule, rule),
            (self.network, terms.network),
            (self.asset, terms.asset),
            (self.pay_to, terms.pay_to),
            (self.mode, terms.mode),
            (self.scheme, terms.entry.scheme),
            (self.callback, terms.callback or ZERO_ADDRESS),
            (self.calldata, "0x" + (terms.calldata or b"").hex()),
        )
        return terms.amount <= int(self.most) and all(ours == theirs for ours, theirs in same)

    def end(self, days: int) -> datetime:
        """When it counts no more, under a policy that lets one count for so many days."""
        return datetime.fromtimestamp(min(self.until, self.since + days * DAY_SECONDS), UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A stored standing approval."""

    id: str
    terms: GrantTerms
    signature: str
    given_at: datetime
    revoked_at: datetime | None


def proposed(
    connection: Connection, question: str, policy: PolicyFile, now: datetime, days: int | None = None
) -> GrantTerms:
    """What must be signed so that purchases like that question's pass, from when it was put and for so many days.

    The same each time it is called. Raises ApprovalError where none is offered, or not for so long.
    """
    asked, most = open_question(connection, question, now), policy.approval.standing_days
    if not most or not question.startswith(QUESTION):
        raise ApprovalError(f"no standing approval is offered for {question}", "see approval.standing_days")
    if not 1 <= (days := most if days is None else days) <= most:
        raise ApprovalError(f"the policy lets a standing approval count for {most} days at most", "give fewer")
    since = int(min(asked.created_at, now).timestamp())
    terms, bought, url = asked.terms, purchase(connection, question), httpx.URL(asked.terms.url)
    return GrantTerms(
        id=question.replace(QUESTION, "std_"),
        origin=origin_of(url),
        method=terms.method,
        path=path_of(url),
        rule=bought.rule,
        network=terms.network,
        asset=terms.asset,
        most=terms.amount,
        pay_to=terms.pay_to,
        mode=terms.mode,
        scheme=bought.scheme or "",
        callback=terms.callback,
        calldata=terms.calldata,
        since=since,
        until=since + days * DAY_SECONDS,
    )


def offered(connection: Connection, question: str, policy: PolicyFile, now: datetime) -> GrantTerms | None:
    """The same for as long as the policy lets it be; None where none is offered."""
    try:
        return proposed(connection, question, policy, now)
    except ApprovalError:
        return None


def approve_always(
    connection: Connection,
    question: str,
    policy: PolicyFile,
    approver: LocalAccount,
    now: datetime,
    days: int | None = None,
) -> GrantTerms:
    """Sign for the purchase and for those like it, as the person. Raises ApprovalError."""
    terms = proposed(connection, question, policy, now, days)
    asked = approvals.approve(connection, question, approver, now)
    give(connection, asked, terms, "0x" + sign_digest(approver, terms.digest()).hex(), now)
    return terms


def give(connection: Connection, asked: Approval, terms: GrantTerms, signature: str, now: datetime) -> None:
    """Keep one that was proposed and that the question's approver signed. Raises ApprovalError for any other."""
    require_signed_by(asked.approver, terms.digest(), signature)
    row = {"id": terms.id, "origin": terms.origin, "terms": msgspec.json.encode(terms), "signature": signature}
    connection.execute(insert(grants).values(row | {"given_at": now}))


def revoke(connection: Connection, grant_id: str, now: datetime) -> GrantTerms:
    """From the commit of this transaction on it lifts nothing. Raises ApprovalError where there is none."""
    statement = update(grants).where(grants.c.id == grant_id, grants.c.revoked_at.is_(None))
    if connection.execute(statement.values(revoked_at=now)).rowcount != 1:
        raise ApprovalError(f"no standing approval {grant_id} is in force", "see: paddock-agent approvals standing")
    row = connection.execute(select(grants).where(grants.c.id == grant_id)).one()
    return msgspec.json.decode(row.terms, type=GrantTerms)


def in_force(connection: Connection, policy: PolicyFile, now: datetime, origin: str = "") -> Iterator[Grant]:
    """Those that are neither revoked nor over, at one seller or at all, in the order in which they were given."""
    found = select(grants).where(grants.c.revoked_at.is_(None)).order_by(grants.c.given_at)
    for row in connection.execute(found.where(grants.c.origin == origin) if origin else found).mappings():
        grant = _grant(row)
        if grant.terms.since <= now.timestamp() and now < grant.terms.end(policy.approval.standing_days):
            yield grant


def lifted(connection: Connection, policy: Policy, terms: Terms, facts: Facts) -> Decision:
    """What the policy decides, where nothing asks but what a standing approval of the approver's lifts."""
    decision = policy.decide(terms, facts)
    if decision.verdict is not Verdict.ASK:
        return decision
    known = list(in_force(connection, policy.file, facts.now, terms.asked.origin))
    lifting = ""
    for rule in QUESTIONS:
        question = rule(policy, terms, facts)
        if question is None:
            continue
        grant = next((one for one in known if _lifts(one, policy, terms, facts, question.rule)), None)
        if grant is None:
            return question
        lifting = grant.id
    return allow(RULE, f"standing approval {lifting} by {policy.approval.approver}", lifting)


def _grant(row: RowMapping) -> Grant:
    known = {name: row[name] for name in Grant.__dataclass_fields__}
    return Grant(**known | {"terms": msgspec.json.decode(row["terms"], type=GrantTerms)})


def _lifts(grant: Grant, policy: Policy, terms: Terms, facts: Facts, rule: str) -> bool:
    """Whether it is about these terms and that rule, and signed by the policy's approver, who is not the agent."""
    approver = policy.approval.approver
    if approver in ("", facts.payer) or not grant.terms.covers(terms, rule):
        return False
    try:
        return recover(grant.terms.digest(), parse_hex(grant.signature, "signature")) == approver
    except ProtocolError:
        return False
