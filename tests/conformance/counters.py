"""A facilitator in its world, as the facilitator's suites use it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgspec
from eth_account import Account

from protocol.wire import PaymentPayload, PaymentRequirements
from server.adapters.clock import SystemClock
from server.adapters.signers import LocalSigner
from server.application.paddock import Ground
from server.facilitator.local import LocalFacilitator
from server.facilitator.settler import Settler
from server.ports import Database, Facilitator
from tests.conformance.worlds import ETHER, World, nonce_of, transfer_in
from tests.stack import buyer

SHOP = Account.create().address


@dataclass
class Counter:
    """A facilitator in its world. `settler` is the address that it sends with."""

    facilitator: Facilitator
    world: World
    settler: str
    database: Any = None

    def payment(self, account: Any, amount: int = 50_000, **changes: Any) -> dict[str, Any]:
        return buyer.payment(account, self.world.entry(SHOP, amount), **changes)

    async def verify(self, payment: dict[str, Any], requirements: dict[str, Any] | None = None):
        return await self.facilitator.verify(*read(payment, requirements))

    async def settle(self, payment: dict[str, Any], requirements: dict[str, Any] | None = None):
        return await self.facilitator.settle(*read(payment, requirements))

    async def sent(self) -> int:
        """How many transactions the facilitator has had mined."""
        return await self.world.chain.transaction_count(self.settler)

    async def paid(self, payment: dict[str, Any]):
        """The Transfer of a payment, or None."""
        payer = payment["payload"]["authorization"]["from"]
        return await transfer_in(self.world.chain, self.world.token, payer, nonce_of(payment))


def read(payment, requirements=None) -> tuple[PaymentPayload, PaymentRequirements]:
    """As a server reads them from the wire."""
    payload = msgspec.convert(payment, PaymentPayload)
    return payload, msgspec.convert(requirements or payment["accepted"], PaymentRequirements)


@contextlib.asynccontextmanager
async def ours(world: World, db: Database, wait: float = 20.0) -> AsyncIterator[Counter]:
    """Our facilitator in this process, with its settler running."""
    clock, signer = SystemClock(), LocalSigner(Account.create().key.hex())
    if world.anvil:
        world.anvil.set_balance(signer.address, ETHER)
    grounds = {world.market.network: Ground(world.market, world.chain)}
    settler = Settler(db, grounds[world.market.network], clock, signer)
    facilitator = LocalFacilitator(db, clock, grounds, {world.market.network: [settler]}, wait)
    task = asyncio.create_task(settler.run())
    yield Counter(facilitator, world, signer.address, db)
    assert not task.done(), "the settler runs for ever"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
