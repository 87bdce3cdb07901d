"""Bare keys: payers that had no code a moment ago, so that neither a busy buyer nor a flood is looked up again."""

from collections import OrderedDict
from datetime import datetime, timedelta

from server.application.paddock import Ground
from server.ports import Clock


class BareKeys:
    """Remembers at most `most` addresses for `fresh`. Code that comes meanwhile can only make a settlement fail."""

    def __init__(self, clock: Clock, fresh: timedelta = timedelta(seconds=30), most: int = 10_000) -> None:
        self._clock, self._fresh, self._most = clock, fresh, most
        self._seen: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    async def has_code(self, ground: Ground, address: str) -> bool:
        """Whether the address is a contract, or delegates to one (EIP-7702)."""
        name, now = (ground.market.network, address), self._clock.now()
        seen = self._seen.get(name)
        if seen is not None and abs(now - seen) < self._fresh:
            return False
        if await ground.chain.code(address):
            return True
        self._seen[name] = now
        self._seen.move_to_end(name)
        while len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return False
