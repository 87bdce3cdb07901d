"""A run: load on the cluster with its kills, and then everything held to account."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
from sqlalchemy import select

from scripts.rpc import call
from server.adapters.merchant_rows import all_merchants
from server.adapters.models import chain_transactions
from server.bootstrap import Parts, open_parts
from tests.scale.checks import RawLog, Sent, wrong_nonces, wrong_passes, wrong_payments
from tests.scale.cluster import KEYS, ORIGIN, Cluster
from tests.scale.load import PATIENCE, Balancer, Died, Load
from tests.scale.plans import Plan
from tests.stack.buyer import Buyer
from tests.stack.chains import assert_chains
from tests.stack.endings import all_orders, drained
from tests.stack.funds import fund
from tests.stack.invariants import assert_invariants, assert_no_secrets
from tests.stack.waiting import eventually

FUNDS = 1_000_000_000
PASSES = {"access-pass": "AccessPass", "launch-pass": "LaunchPass"}


class Devnet:
    """What `tests.stack.funds` needs of one."""

    def __init__(self, url: str) -> None:
        self._url = url

    def rpc(self, method: str, *parameters: Any) -> Any:
        return call(self._url, method, *parameters)


class Run:
    """One plan on a cluster that is up."""

    def __init__(self, plan: Plan, cluster: Cluster, folder: Path) -> None:
        self.plan, self.cluster, self.settings = plan, cluster, cluster.settings(folder)
        self.devnet, self.load = Devnet(cluster.rpc), Load()
        self.balancer = Balancer(lambda: cluster.ports)
        self.buyers: list[Buyer] = []
        self.died: list[Died] = []
        self.began = self.ended = 0.0
        self.batches: dict[str, int] = {}
        """By settlement key, how many chain transactions it sent."""

    async def buy(self) -> None:
        """All purchases, with the plan's kills among them."""
        async with httpx.AsyncClient(transport=self.balancer, timeout=PATIENCE) as client:
            async with open_parts(self.settings) as parts:
                self.buyers = [Buyer(client) for _ in self.plan.wishes]
                for buyer in self.buyers:
                    await asyncio.to_thread(fund, self.devnet, parts.home.market, buyer.account.address, FUNDS)
            self.began = time.monotonic()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._kill_all())
                for buyer, wishes in zip(self.buyers, self.plan.wishes, strict=True):
                    group.create_task(self.load.buy_all(buyer, ORIGIN, wishes))
            self.ended = max(at for at, _ in self.load.answered)

    async def _kill_all(self) -> None:
        for kill in self.plan.kills:
            await self.load.reach(kill.at)
            await asyncio.to_thread(self.cluster.kill, kill.kind, kill.index)
            at, still = time.monotonic(), self.plan.purchases - len(self.load.bought)
            await self.load.reach(kill.back)
            await asyncio.to_thread(self.cluster.revive, kill.kind, kill.index)
            self.died.append(Died(kill, at, time.monotonic(), still))

    # --------------------------------------------------------------------------------------------------- accounting

    async def account(self) -> list[str]:
        """What does not hold, in sentences; waits first until everything has ended."""
        async with AsyncExitStack() as stack:
            parts = await stack.enter_async_context(open_parts(self.settings))

            async def over() -> bool:
                return all(order.ended for order in await all_orders(parts)) and await drained(parts)

            try:
                await eventually(over, PATIENCE, "every order has ended and no job is left", every=0.5)
            except AssertionError as error:
                return [str(error), *[f"not ended: {order}" for order in await all_orders(parts) if not order.ended]]
            return await self._wrong(parts)

    async def _wrong(self, parts: Parts) -> list[str]:
        bought, contracts = self.load.bought, parts.home.market.contracts
        wrong = [f"another server had another answer: {one}" for one in self.load.differing]
        wrong += wrong_payments(bought, self._logs(parts.home.market.asset.address))
        wrong += wrong_passes(bought, {slug: self._logs(contracts[name].address) for slug, name in PASSES.items()})
        keys = [key.address for key in KEYS]
        counts = {key: int(self.devnet.rpc("eth_getTransactionCount", key, "latest"), 16) for key in keys}
        sent = await _sent(parts)
        self.batches = {key: sum(one.sender == key for one in sent) for key in keys}
        wrong += wrong_nonces(keys, sent, counts)
        if silent := [place + 1 for place in range(len(self.cluster.ports)) if not self.balancer.answers[place]]:
            wrong.append(f"servers that answered nothing: {silent}")
        try:
            await assert_invariants(parts, paid=sum(one.paid for one in bought))
            async with parts.db.view() as connection:
                merchants = await all_merchants(connection)
            ground = parts.home
            market = SimpleNamespace(db=parts.db, merchants=merchants, market=ground.market, chain=ground.chain)
            await assert_chains(market)  # type: ignore[arg-type]
            assert_no_secrets(self.cluster.logs(), [header for buyer in self.buyers for header in buyer.signed])
        except AssertionError as error:
            wrong.append(str(error))
        return wrong

    def _logs(self, address: str) -> list[RawLog]:
        logs: list[RawLog] = self.devnet.rpc("eth_getLogs", {"address": address, "fromBlock": "0x0"})
        return logs

    # ------------------------------------------------------------------------------------------------------ figures

    def phases(self) -> list[tuple[str, float, list[float]]]:
        """(what was away, seconds, seconds that each purchase of then took), from kill to kill."""
        edges: list[tuple[float, str]] = [(self.began, "all up")]
        for one in self.died:
            edges += [(one.at, f"without {one.kill}"), (one.back, "all up again")]
        ends = [at for at, _ in edges[1:]] + [self.ended]
        return [
            (name, end - begin, [took for at, took in self.load.answered if begin <= at <= end])
            for (begin, name), end in zip(edges, ends, strict=True)
        ]


async def _sent(parts: Parts) -> list[Sent]:
    """Every chain transaction that the marketplace has stored."""
    async with parts.db.view() as connection:
        rows = (await connection.execute(select(chain_transactions))).mappings().all()
    return [Sent(row["sender"], row["nonce"], row["state"]) for row in rows]
