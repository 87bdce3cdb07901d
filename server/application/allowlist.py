"""Allowlist: change which actions buyers may choose, on server and chain in the order that lets nothing through."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from protocol.errors import ProtocolError
from protocol.functions import Function
from server.domain.allowlists import MOST, ActionState, ListedAction, require_move
from server.domain.calls import encode_call
from server.domain.errors import AllowlistConflict, BadArguments, StaleWrite
from server.domain.market import Contract
from server.ports import Call, Chain, Clock, Database
from server.services.service import Service

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """A change that somebody asks for: `bounds` in atomic units, None to strike the function off; `by` is recorded."""

    network: str
    contract: Contract
    function: str
    bounds: tuple[int, int] | None
    by: str


async def change_action(db: Database, clock: Clock, wish: Wish) -> ListedAction:
    """Ask for a change. A removal counts at once; an addition only when the chain shows it (see `mirror`).

    Raises BadArguments, AllowlistConflict.
    """
    least, most = wish.bounds or (0, 0)
    if wish.bounds and not 0 < least <= most <= MOST:
        raise BadArguments("the bounds must be 0 < minimum <= maximum, in atomic units of 128 bits")
    try:
        Function(wish.function)
    except ProtocolError as error:
        raise BadArguments(f"{error.detail}; write it like mintTo(address)") from error
    state = ActionState.ADDING if wish.bounds else ActionState.REMOVING
    action = ListedAction(
        wish.network, wish.contract.address, wish.function, least, most, state, clock.now(), wish.by[:64]
    )
    try:
        async with db.begin("action changed") as work:
            old = _same(await work.allowlists.all(), action)
            require_move(old, state)
            await work.allowlists.put(action, old, "")
    except StaleWrite as error:
        raise AllowlistConflict("somebody else changed it at this moment; look again") from error
    log.warning("%s of %s is %s, by %s", action.function, action.contract, action.state, action.by)
    return action


async def shown_on_chain(chain: Chain, action: ListedAction) -> bool:
    """Whether the contract's list says what was asked for. Raises ChainUnavailable."""
    data = encode_call("boundsOf(bytes4)", action.selector)
    words = await chain.call(Call(action.contract, action.contract, data))
    return (int.from_bytes(words[:32], "big"), int.from_bytes(words[32:64], "big")) == (action.minimum, action.maximum)


async def mark_mirrored(db: Database, clock: Clock, action: ListedAction, note: str) -> None:
    """The chain shows it: an addition counts from here on."""
    seen = replace(action, state=action.mirrored, at=clock.now())
    async with db.begin("action mirrored") as work:
        await work.allowlists.put(seen, action, note)


def listed_actions(service: Service, address: str, rows: Sequence[ListedAction]) -> tuple[str, ...]:
    """What buyers may choose of a service's callback now: what the code lists, as the rows have changed it."""
    own = [row for row in rows if row.contract == address]
    changed = {row.function for row in own}
    kept = [function for function in service.actions if function not in changed]
    return (*kept, *(row.function for row in own if row.counts))


@dataclass
class AllowlistWatch:
    """What one process knows of the rows, at most `fresh` old. If the database does not say, nothing is assumed."""

    fresh: timedelta = timedelta(seconds=1)
    seen: Sequence[ListedAction] = ()
    seen_at: datetime | None = None
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def apply(self, db: Database, clock: Clock, service: Service, contracts: Mapping[str, Contract]) -> Service:
        """The service with the actions that count now. Raises DatabaseUnavailable."""
        contract = contracts.get(service.callback or "")
        if contract is None or "calldata" not in service.arguments.__struct_fields__:
            return service
        if self._is_stale(clock):
            async with self.reading:
                if self._is_stale(clock):
                    asked_at = clock.now()
                    async with db.read() as view:
                        self.seen = await view.allowlists.all()
                    self.seen_at = asked_at
        actions = listed_actions(service, contract.address, self.seen)
        return service if actions == service.actions else replace(service, actions=actions)

    def _is_stale(self, clock: Clock) -> bool:
        return self.seen_at is None or abs(clock.now() - self.seen_at) >= self.fresh


def _same(rows: Sequence[ListedAction], action: ListedAction) -> ListedAction | None:
    key = (action.network, action.contract, action.function)
    return next((row for row in rows if (row.network, row.contract, row.function) == key), None)
