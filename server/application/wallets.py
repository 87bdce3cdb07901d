"""Hot wallets: what a money key holds, the most and the least it should hold, and the least gas that it needs."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import Gauge

from server.domain.outages import WalletFull
from server.ports import ChainReader, Clock

log = logging.getLogger(__name__)

BALANCE = Gauge("paddock_wallet_balance", "Atomic units of the asset that a money key holds", ["wallet", "network"])
OVER_CAP = Gauge("paddock_wallet_over_cap", "1 while it holds more than its cap", ["wallet", "network"])
LOW = Gauge("paddock_wallet_low", "1 while it holds less than its floor", ["wallet", "network"])
GAS = Gauge("paddock_gas_balance", "Wei of native currency that a money key holds", ["wallet", "network"])
GAS_LOW = Gauge("paddock_gas_low", "1 while its native balance is below the floor", ["wallet", "network"])
FRESH = timedelta(seconds=3)
"""How old a balance may be that a purchase is admitted by."""


@dataclass
class HotWallet:
    """One money key. `asset` is empty for a key that holds gas alone; `cap` and `floor` in atomic units and `gas_floor`
    in wei, zero for none. One that does not send chain transactions needs no gas."""

    chain: ChainReader
    clock: Clock
    name: str
    network: str
    address: str
    asset: str = ""
    cap: int = 0
    floor: int = 0
    gas_floor: int = 0
    sends: bool = True
    _seen: tuple[datetime, int] | None = None

    async def look(self) -> None:
        """Read the balances, set the gauges, and complain in the log. Raises ChainUnavailable."""
        held = await self._held() if self.asset else 0
        if held > self.cap > 0:
            log.error("the %s wallet %s holds more than its cap: move money out of it", self.name, self.address)
        if self.asset and held < self.floor:
            log.error("the %s wallet %s holds less than its floor: fill it up", self.name, self.address)
        if self.sends:
            await self._look_at_gas()

    async def require_room(self, amount: int) -> None:
        """Raises WalletFull if so much more would exceed the cap, by a balance at most FRESH old; ChainUnavailable."""
        if not self.cap:
            return
        read_at, held = self._seen or (self.clock.now() - 2 * FRESH, 0)
        if self.clock.now() - read_at >= FRESH:
            held = await self._held()
        if held + amount > self.cap:
            raise WalletFull("the wallet that would hold this payment holds as much as it may; nothing was charged")

    async def _held(self) -> int:
        held = await self.chain.token_balance(self.asset, self.address)
        self._seen = self.clock.now(), held
        BALANCE.labels(self.name, self.network).set(held)
        OVER_CAP.labels(self.name, self.network).set(held > self.cap > 0)
        LOW.labels(self.name, self.network).set(held < self.floor)
        return held

    async def _look_at_gas(self) -> None:
        gas = await self.chain.balance(self.address)
        GAS.labels(self.name, self.network).set(gas)
        GAS_LOW.labels(self.name, self.network).set(gas < self.gas_floor)
        if gas < self.gas_floor:
            log.error("the %s key %s is low on gas: fill it up", self.name, self.address)
