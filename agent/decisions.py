"""The answer to "may this be bought?": allow, ask a person, or deny, and the rule that says so."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Decision:
    """`rule` is stable and machine-readable, such as `limits.per_call`; `detail` is for people.

    `grant` is the standing approval but for which a person would be asked.
    """

    verdict: Verdict
    rule: str
    detail: str
    grant: str = ""


def allow(rule: str, detail: str, grant: str = "") -> Decision:
    """It may be signed."""
    return Decision(Verdict.ALLOW, rule, detail, grant)


def ask(rule: str, detail: str) -> Decision:
    """It may be signed once the approver has signed for it."""
    return Decision(Verdict.ASK, rule, detail)


def deny(rule: str, detail: str) -> Decision:
    """It must not be signed."""
    return Decision(Verdict.DENY, rule, detail)
