"""A world in which a worker watches for plain transfers, and a buyer who sends them."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from server.adapters.signers import LocalSigner
from server.application.deliver import WATCH_TRANSFERS
from server.application.send import prepare
from server.application.tracing import Tracing
from server.domain.calls import encode_call
from server.domain.market import Asset
from server.domain.orders import Order
from server.services.service import Service
from tests.fakes.chain import DOLLAR
from tests.simulation.world import ORIGIN, World, open_world
from tests.stack.signed import signed_request

PRICE = 10_000


@dataclass
class TransferWorld:
    """`world` with the watcher at work; `payee` is the merchant's address."""

    world: World
    payee: str

    async def watch(self) -> None:
        """What the relay asks for every 30 seconds."""
        async with self.world.db.begin("ask to reconcile") as work:
            for network in self.world.paddock.grounds:
                await work.outbox.ensure(WATCH_TRANSFERS, network, self.world.clock.now())

    async def ask(self, service: str = "echo", buyer: Any = None, **changes: Any) -> Any:
        """The answer to a signed request for an order."""
        account = (buyer or self.world.buyer).account
        values = {"service": service, "arguments": {"text": "hi"}, "payer": account.address} | changes
        body = json.dumps(values).encode()
        name = "0x" + hashlib.sha256(body).hexdigest()
        header = signed_request(account, "transfer-order", name, self.world.clock.now().timestamp())
        return await self.world.client.post("/api/transfer-orders", content=body, headers=header)

    async def order(self, service: str = "echo", buyer: Any = None, **changes: Any) -> str:
        """The id of a new order."""
        answer = await self.ask(service, buyer, **changes)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def send(self, amount: int, buyer: Any = None, asset: str = "", to: str = "") -> str:
        """A plain transfer; its hash."""
        world, account = self.world, (buyer or self.world.buyer).account
        data = encode_call("transfer(address,uint256)", to or self.payee, amount)
        signer = LocalSigner(account.key.hex())
        prepared = await prepare(world.chain, signer, asset or world.paddock.market.asset.address, data)
        signed = await signer.sign(31337, prepared.chain_nonce, prepared.call, prepared.gas, prepared.fees)
        await world.chain.send(signed.raw)
        return signed.hash

    async def stored(self, order_id: str) -> Order:
        return await self.world.order(order_id)

    async def rows(self, order_id: str) -> list[tuple[str, int, bool]]:
        """The order's ledger: (kind, amount, whether it takes another row back)."""
        async with self.world.db.read() as view:
            return [(row.kind, row.amount, row.reversal) for row in await view.ledger.of(order_id)]

    async def returned(self, buyer: Any = None) -> list[int]:
        """The amounts that the float sent back to a payer, as the chain shows them."""
        payer = (buyer or self.world.buyer).account.address
        logs = await self.world.chain.transfers(self.world.paddock.market.asset.address, payer)
        return [log.amount for log in logs if log.recipient == payer]

    async def answer(self, order_id: str) -> Any:
        """The delivery, as its payer fetches it."""
        now = self.world.clock.now().timestamp()
        header = signed_request(self.world.buyer.account, "delivery", order_id, now)
        return await self.world.client.get(f"{ORIGIN}/api/orders/{order_id}/delivery", headers=header)


@asynccontextmanager
async def open_transfers(
    *services: Service, assets: tuple[Asset, ...] = (DOLLAR,), tracing: Tracing | None = None
) -> AsyncIterator[TransferWorld]:
    """A world whose watcher has looked once."""
    async with open_world(*services, assets=assets, tracing=tracing) as world:
        found = TransferWorld(world, world.paddock.merchants["paddock"].pay_to)
        await found.watch()
        await world.work(2)
        yield found
