"""What the money keys hold, as the console shows it: asked of the chain at most every ten seconds, and never waited for
long."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from server.domain.errors import PaddockError
from server.domain.market import Asset
from server.ports import ChainReader, Clock

FRESH = timedelta(seconds=10)
PATIENCE = 2.0
"""Seconds that a page waits for the chain's word."""


@dataclass(frozen=True, slots=True)
class MoneyKey:
    """A key that pays. `asset` is what it holds beside gas, None for gas alone; `cap` in atomic units and `gas_floor`
    in wei, zero for none. One that does not send chain transactions needs no gas."""

    purpose: str
    network: str
    address: str
    asset: Asset | None = None
    cap: int = 0
    gas_floor: int = 0
    sends: bool = True


@dataclass(frozen=True, slots=True)
class Holding:
    """What one holds: atomic units, and wei; None for what was not asked or not answered."""

    key: MoneyKey
    held: int | None = None
    gas: int | None = None

    @property
    def known(self) -> bool:
        """Whether the chain answered."""
        return self.held is not None or self.gas is not None

    @property
    def amiss(self) -> bool:
        """Whether somebody should take money out of it or fill it up."""
        over = self.held is not None and self.held > self.key.cap > 0
        return over or (self.gas is not None and self.gas < max(1, self.key.gas_floor))


@dataclass
class Holdings:
    """What was read last, by key."""

    kept: dict[MoneyKey, tuple[datetime, Holding]] = field(default_factory=dict)

    async def read(
        self, chains: Mapping[str, ChainReader], clock: Clock, keys: Sequence[MoneyKey]
    ) -> Sequence[Holding]:
        """In the order of the keys. Never raises: a chain that is away leaves balances unknown."""
        now = clock.now()
        stale = [key for key in keys if key not in self.kept or abs(now - self.kept[key][0]) >= FRESH]
        for one in await asyncio.gather(*(_look(chains[key.network], key) for key in stale)):
            self.kept[one.key] = clock.now(), one
        return [self.kept[key][1] for key in keys]


async def _look(chain: ChainReader, key: MoneyKey) -> Holding:
    try:
        async with asyncio.timeout(PATIENCE):
            held = await chain.token_balance(key.asset.address, key.address) if key.asset else None
            return Holding(key, held, await chain.balance(key.address) if key.sends else None)
    except (PaddockError, TimeoutError):
        return Holding(key)
