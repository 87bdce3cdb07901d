"""Allowlists: the actions that buyers may choose, as a merchant changes them while the marketplace runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from eth_abi.abi import encode

from protocol.functions import Function
from server.domain.errors import AllowlistConflict

_LIST = Function("listAction(bytes4,(uint128,uint128))")
MOST = 2**128 - 1
"""Bounds are 128 bits wide in the contract."""


class ActionState(StrEnum):
    """An addition counts when the chain shows it, a removal from the moment that it is asked for."""

    ADDING = "adding"
    LISTED = "listed"
    REMOVING = "removing"
    REMOVED = "removed"


S = ActionState
MOVES: Mapping[ActionState | None, frozenset[ActionState]] = {
    None: frozenset({S.ADDING, S.REMOVING}),
    S.ADDING: frozenset({S.LISTED, S.REMOVING, S.ADDING}),
    S.LISTED: frozenset({S.REMOVING, S.ADDING}),
    S.REMOVING: frozenset({S.REMOVED, S.ADDING}),
    S.REMOVED: frozenset({S.ADDING}),
}


@dataclass(frozen=True, slots=True)
class ListedAction:
    """One function of one callback, priced from `minimum` to `maximum` atomic units (both 0 where it is struck off).

    `by` asked for the last change, at `at`.
    """

    network: str
    contract: str
    function: str
    minimum: int
    maximum: int
    state: ActionState
    at: datetime
    by: str

    @property
    def selector(self) -> bytes:
        """The first four bytes of its calls."""
        return Function(self.function).selector

    @property
    def counts(self) -> bool:
        """Whether buyers may choose it."""
        return self.state is ActionState.LISTED

    @property
    def open(self) -> bool:
        """Whether the chain does not show it as it was asked for yet."""
        return self.state in (ActionState.ADDING, ActionState.REMOVING)

    @property
    def mirrored(self) -> ActionState:
        """Its state once the chain shows it."""
        return ActionState.LISTED if self.state is ActionState.ADDING else ActionState.REMOVED

    def call(self) -> bytes:
        """What the contract's owner sends to it: `listAction`."""
        return _LIST.selector + encode(_LIST.kinds, (self.selector, (self.minimum, self.maximum)))


@dataclass(frozen=True, slots=True)
class AllowlistChange:
    """One line of the audit: who had what changed, when, from which state to which, and by which chain transaction."""

    network: str
    contract: str
    function: str
    old: str
    new: str
    minimum: int
    maximum: int
    at: datetime
    by: str
    note: str


def require_move(old: ListedAction | None, new: ActionState) -> None:
    """Raises AllowlistConflict where an action cannot go from one state to the other."""
    if new not in MOVES[old.state if old else None]:
        raise AllowlistConflict(f"the action is {old.state if old else 'unknown'} and cannot become {new}")
