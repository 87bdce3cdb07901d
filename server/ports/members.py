"""Members of merchants' consoles, and the sessions that are open."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from server.domain.members import Member, MemberChange, Session
from server.domain.roles import Role


class Members(Protocol):
    """Every change stands in an audit, written with it."""

    async def of(self, merchant: str) -> Sequence[Member]:
        """A merchant's members, by wallet."""

    async def roles_of(self, wallet: str) -> Sequence[Member]:
        """What a wallet is, by merchant."""

    async def put(self, merchant: str, wallet: str, role: Role, by: str) -> None:
        """Make a wallet a member, or change its role; the same again writes nothing.

        Atomic: of several at once all stand in the audit, and the last is what it is. Raises StaleWrite for one that
        became a member at this moment.
        """

    async def remove(self, merchant: str, wallet: str, by: str) -> bool:
        """End a membership; whether there was one."""

    async def changes(self, merchant: str, limit: int) -> Sequence[MemberChange]:
        """The audit of one merchant, newest first. Lines are added, never changed."""


class Sessions(Protocol):
    """Browsers, and programs of people, that were let in."""

    async def open(self, session: Session, now: datetime) -> None:
        """Keep one until its time is over; forgets some whose time is over."""

    async def find(self, secret: bytes, now: datetime) -> Session | None:
        """The one of that digest, if its time is not over."""

    async def show(self, secret: bytes, merchant: str) -> None:
        """Let a session show another merchant's console."""

    async def end(self, secret: bytes) -> None:
        """End one; one that is not there is no error."""
