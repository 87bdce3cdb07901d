"""Members and sessions as rows."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from server.adapters.member_models import console_sessions, member_changes, merchant_members
from server.adapters.statements import Statements
from server.domain.errors import StaleWrite
from server.domain.members import Member, MemberChange, Session
from server.domain.roles import Role
from server.ports import Clock

AT_ONCE = 100
"""How many sessions that are over are forgotten in one go."""
_AUDIT = tuple(MemberChange.__dataclass_fields__)
_SESSION = tuple(Session.__dataclass_fields__)


class MemberRows:
    """Implements ports.Members."""

    def __init__(self, connection: Statements, clock: Clock) -> None:
        self._connection, self._clock = connection, clock

    async def of(self, merchant: str) -> Sequence[Member]:
        query = select(merchant_members).where(merchant_members.c.merchant == merchant)
        rows = (await self._connection.execute(query.order_by(merchant_members.c.wallet))).mappings()
        return [Member(**row | {"role": Role(row["role"])}) for row in map(dict, rows)]

    async def roles_of(self, wallet: str) -> Sequence[Member]:
        query = select(merchant_members).where(merchant_members.c.wallet == wallet)
        rows = (await self._connection.execute(query.order_by(merchant_members.c.merchant))).mappings()
        return [Member(**row | {"role": Role(row["role"])}) for row in map(dict, rows)]

    async def put(self, merchant: str, wallet: str, role: Role, by: str) -> None:
        old = await self._role(merchant, wallet)
        if old == role:
            return
        values = {"role": role, "at": self._clock.now(), "by": by[:64]}
        if old:
            await self._connection.execute(update(merchant_members).where(*_one(merchant, wallet)).values(values))
        else:
            named = {"merchant": merchant, "wallet": wallet}
            try:
                await self._connection.execute(insert(merchant_members).values(named | values))
            except IntegrityError as error:
                raise StaleWrite(f"{wallet} became a member at this moment") from error
        await self._note(merchant, wallet, old, role, by)

    async def remove(self, merchant: str, wallet: str, by: str) -> bool:
        old = await self._role(merchant, wallet)
        if old:
            await self._connection.execute(delete(merchant_members).where(*_one(merchant, wallet)))
            await self._note(merchant, wallet, old, "", by)
        return bool(old)

    async def changes(self, merchant: str, limit: int) -> Sequence[MemberChange]:
        query = select(member_changes).where(member_changes.c.merchant == merchant)
        rows = (await self._connection.execute(query.order_by(member_changes.c.id.desc()).limit(limit))).mappings()
        return [MemberChange(**{name: row[name] for name in _AUDIT}) for row in rows]

    async def _role(self, merchant: str, wallet: str) -> str:
        """Held until the unit of work ends, so that changes of one wallet come one after the other."""
        query = select(merchant_members.c.role).where(*_one(merchant, wallet)).with_for_update()
        return (await self._connection.execute(query)).scalar() or ""

    async def _note(self, merchant: str, wallet: str, old: str, new: str, by: str) -> None:
        line = {"merchant": merchant, "wallet": wallet, "old": old, "new": new, "at": self._clock.now(), "by": by[:64]}
        await self._connection.execute(insert(member_changes).values(line))


class SessionRows:
    """Implements ports.Sessions."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def open(self, session: Session, now: datetime) -> None:
        table = console_sessions.c
        over = select(table.secret).where(table.until <= now).limit(AT_ONCE).with_for_update(skip_locked=True)
        await self._connection.execute(delete(console_sessions).where(table.secret.in_(over)))
        values = {name: getattr(session, name) for name in _SESSION}
        await self._connection.execute(insert(console_sessions).values(values))

    async def find(self, secret: bytes, now: datetime) -> Session | None:
        table = console_sessions.c
        query = select(*(table[name] for name in _SESSION)).where(table.secret == secret, table.until > now)
        row = (await self._connection.execute(query)).first()
        return Session(*row) if row else None

    async def show(self, secret: bytes, merchant: str) -> None:
        own = console_sessions.c.secret == secret
        await self._connection.execute(update(console_sessions).where(own).values(merchant=merchant))

    async def end(self, secret: bytes) -> None:
        await self._connection.execute(delete(console_sessions).where(console_sessions.c.secret == secret))


def _one(merchant: str, wallet: str) -> tuple[ColumnElement[bool], ...]:
    return (merchant_members.c.merchant == merchant, merchant_members.c.wallet == wallet)
