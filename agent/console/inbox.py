"""The inbox: each question with everything that the person's signature covers, in words and as it is signed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from agent import approvals, grants
from agent.approvals import Approval
from agent.disclosure import MODE as DISCLOSURE
from agent.grants import GrantTerms
from agent.policy_file import PolicyFile
from agent.printing import approval_lines, money, standing_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Signable:
    """What a person may sign: `exact` are the fields, `typed` is the JSON that wallets take."""

    exact: dict[str, str]
    typed: str
    digest: str

    @classmethod
    def of(cls, terms: approvals.ApprovalTerms | GrantTerms) -> "Signable":
        typed: dict[str, Any] = terms.typed_data()
        exact = {name: str(value) for name, value in typed["message"].items()}
        return cls(exact=exact, typed=msgspec.json.encode(typed).decode(), digest="0x" + terms.digest().hex())


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A standing approval, offered or given: `words` say all of it."""

    terms: GrantTerms
    words: str
    signable: Signable

    @classmethod
    def of(cls, terms: GrantTerms, policy: PolicyFile) -> "Standing":
        return cls(terms=terms, words=standing_words(terms, policy), signable=Signable.of(terms))


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`title` is what it costs, `lines` say the terms in words. An answer must name the digest that the person saw.

    `standing` is what can be given beside the answer, so that the like passes; None where the policy offers none.
    """

    asked: Approval
    title: str
    lines: dict[str, str]
    signable: Signable
    lapsed: bool
    standing: Standing | None

    @property
    def id(self) -> str:
        return self.asked.id


def questions(connection: Connection, policy: PolicyFile, now: datetime) -> list[Question]:
    """What nobody has answered, oldest first, so that a new one never takes the place of another under a finger."""
    found = [_question(connection, one, policy, now) for one in approvals.pending(connection)]
    return sorted(found, key=lambda one: one.lapsed)


def standing(connection: Connection, policy: PolicyFile, now: datetime) -> list[Standing]:
    """The standing approvals that are in force."""
    return [Standing.of(one.terms, policy) for one in grants.in_force(connection, policy, now)]


def _question(connection: Connection, asked: Approval, policy: PolicyFile, now: datetime) -> Question:
    terms, lines = asked.terms, approval_lines(asked, policy)
    lasting = grants.offered(connection, asked.id, policy, now)
    if terms.mode == DISCLOSURE:
        title, lines = "Personal data would leave", {name: lines[name] for name in ("request", "body", "until", "why")}
    else:
        title = money(int(terms.amount), terms.network, terms.asset, policy)
    return Question(
        asked=asked,
        title=title,
        lines=lines,
        signable=Signable.of(terms),
        lapsed=now >= asked.expires_at,
        standing=None if lasting is None else Standing.of(lasting, policy),
    )
