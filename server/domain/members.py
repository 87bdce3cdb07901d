"""The people of a merchant's console: members with their roles, the audit of them, and the sessions of browsers."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from server.domain.roles import Role

SESSION_LIFE = timedelta(hours=12)
MOST_MEMBERS = 50
"""Of one merchant."""


@dataclass(frozen=True, slots=True)
class Member:
    """A wallet (checksummed) that may enter a merchant's console, as what, and who let it."""

    merchant: str
    wallet: str
    role: Role
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class MemberChange:
    """One line of the audit: a wallet's role before and from then on, empty where it had or has none."""

    merchant: str
    wallet: str
    old: str
    new: str
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Session:
    """An open console. `secret` is the SHA-256 of what the browser holds, which nobody else knows.

    A member's has its wallet and the merchant whose console it shows. The operator's has neither: `token` is a digest
    of the operator's token that opened it, and it ends with that token.
    """

    secret: bytes
    until: datetime
    wallet: str = ""
    merchant: str = ""
    token: bytes = b""
