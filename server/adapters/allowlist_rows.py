"""Actions that buyers may choose as rows, with the audit of their changes."""

from collections.abc import Sequence

from sqlalchemy import and_, insert, select, update
from sqlalchemy.exc import IntegrityError

from server.adapters.allowlist_models import callback_actions, callback_changes
from server.adapters.statements import Statements
from server.domain.allowlists import ActionState, AllowlistChange, ListedAction
from server.domain.errors import StaleWrite

_COLUMNS = tuple(ListedAction.__dataclass_fields__)
_AUDIT = tuple(AllowlistChange.__dataclass_fields__)


class AllowlistRows:
    """Implements ports.Allowlists."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def all(self) -> Sequence[ListedAction]:
        columns = callback_actions.c
        query = select(callback_actions).order_by(columns.network, columns.contract, columns.function)
        rows = (await self._connection.execute(query)).mappings()
        return [ListedAction(**dict(row) | {"state": ActionState(row["state"])}) for row in rows]

    async def put(self, action: ListedAction, instead_of: ListedAction | None, note: str) -> None:
        if instead_of is None:
            await self._insert(action)
        else:
            unchanged = and_(*(callback_actions.c[name] == value for name, value in _values(instead_of).items()))
            changed = update(callback_actions).where(unchanged).values(_values(action))
            if (await self._connection.execute(changed)).rowcount != 1:
                raise StaleWrite(f"{action.function} was changed by somebody else")
        line = _values(action) | {"old": instead_of.state if instead_of else "", "new": action.state, "note": note}
        del line["state"]
        await self._connection.execute(insert(callback_changes).values(line))

    async def changes(self, limit: int) -> Sequence[AllowlistChange]:
        query = select(callback_changes).order_by(callback_changes.c.id.desc()).limit(limit)
        rows = (await self._connection.execute(query)).mappings()
        return [AllowlistChange(**{name: row[name] for name in _AUDIT}) for row in rows]

    async def _insert(self, action: ListedAction) -> None:
        try:
            await self._connection.execute(insert(callback_actions).values(_values(action)))
        except IntegrityError as error:
            raise StaleWrite(f"{action.function} was changed by somebody else") from error


def _values(action: ListedAction) -> dict[str, object]:
    return {name: getattr(action, name) for name in _COLUMNS}
