"""Actions that buyers may choose in the fake database."""

from collections.abc import Sequence
from dataclasses import dataclass

from server.domain.allowlists import AllowlistChange, ListedAction
from server.domain.errors import StaleWrite
from tests.fakes.tables import Tables


@dataclass(frozen=True)
class FakeAllowlists:
    """Implements ports.Allowlists."""

    tables: Tables

    async def all(self) -> Sequence[ListedAction]:
        return [action for _, action in sorted(self.tables.callback_actions.items())]

    async def put(self, action: ListedAction, instead_of: ListedAction | None, note: str) -> None:
        key = (action.network, action.contract, action.function)
        if self.tables.callback_actions.get(key) != instead_of:
            raise StaleWrite(f"{action.function} was changed by somebody else")
        self.tables.callback_actions[key] = action
        old = instead_of.state.value if instead_of else ""
        bounds = (action.minimum, action.maximum)
        line = AllowlistChange(*key, old, action.state.value, *bounds, action.at, action.by, note)
        self.tables.callback_changes.append(line)

    async def changes(self, limit: int) -> Sequence[AllowlistChange]:
        return self.tables.callback_changes[::-1][:limit]
