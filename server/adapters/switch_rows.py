"""The operator's switches as rows."""

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from server.adapters.models import switches
from server.adapters.statements import Statements
from server.domain.switches import Switch

_COLUMNS = tuple(Switch.__dataclass_fields__)
_GET = select(switches).where(switches.c.name == bindparam("key"))


class SwitchRows:
    """Implements ports.Switches."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def put(self, switch: Switch) -> None:
        if not await self._update(switch):
            try:
                async with self._connection.begin_nested():
                    await self._connection.execute(insert(switches).values(_values(switch)))
            except IntegrityError:  # somebody else turned it for the first time too
                await self._update(switch)

    async def get(self, name: str) -> Switch | None:
        row = (await self._connection.execute(_GET, {"key": name})).mappings().first()
        return Switch(**row) if row else None

    async def _update(self, switch: Switch) -> bool:
        changed = update(switches).where(switches.c.name == switch.name).values(_values(switch))
        return (await self._connection.execute(changed)).rowcount == 1


def _values(switch: Switch) -> dict[str, object]:
    return {column: getattr(switch, column) for column in _COLUMNS}
