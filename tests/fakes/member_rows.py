"""Members and sessions in the fake database."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from server.domain.members import Member, MemberChange, Session
from server.domain.roles import Role
from server.ports import Clock
from tests.fakes.tables import Tables


@dataclass(frozen=True)
class FakeMembers:
    """Implements ports.Members."""

    tables: Tables
    clock: Clock

    async def of(self, merchant: str) -> Sequence[Member]:
        return [one for key, one in sorted(self.tables.members.items()) if key[0] == merchant]

    async def roles_of(self, wallet: str) -> Sequence[Member]:
        return [one for key, one in sorted(self.tables.members.items()) if key[1] == wallet]

    async def put(self, merchant: str, wallet: str, role: Role, by: str) -> None:
        old = self._role(merchant, wallet)
        if old != role:
            self.tables.members[merchant, wallet] = Member(merchant, wallet, role, self.clock.now(), by[:64])
            self._note(merchant, wallet, old, role, by)

    async def remove(self, merchant: str, wallet: str, by: str) -> bool:
        old = self._role(merchant, wallet)
        if old:
            del self.tables.members[merchant, wallet]
            self._note(merchant, wallet, old, "", by)
        return bool(old)

    async def changes(self, merchant: str, limit: int) -> Sequence[MemberChange]:
        return [line for line in reversed(self.tables.member_changes) if line.merchant == merchant][:limit]

    def _role(self, merchant: str, wallet: str) -> str:
        found = self.tables.members.get((merchant, wallet))
        return found.role if found else ""

    def _note(self, merchant: str, wallet: str, old: str, new: str, by: str) -> None:
        self.tables.member_changes.append(MemberChange(merchant, wallet, old, new, self.clock.now(), by[:64]))


@dataclass(frozen=True)
class FakeSessions:
    """Implements ports.Sessions."""

    tables: Tables

    async def open(self, session: Session, now: datetime) -> None:
        for over in [secret for secret, one in self.tables.sessions.items() if one.until <= now]:
            del self.tables.sessions[over]
        self.tables.sessions[session.secret] = session

    async def find(self, secret: bytes, now: datetime) -> Session | None:
        found = self.tables.sessions.get(secret)
        return found if found and found.until > now else None

    async def show(self, secret: bytes, merchant: str) -> None:
        self.tables.sessions[secret] = replace(self.tables.sessions[secret], merchant=merchant)

    async def end(self, secret: bytes) -> None:
        self.tables.sessions.pop(secret, None)
