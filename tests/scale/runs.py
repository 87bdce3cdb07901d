"""A run: load on the cluster with its kills, in stages, and then everything held to account."""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import pairwise
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
from tests.scale.cluster import KEYS, ORIGIN, Cluster, Spent
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


@dataclass
class Stage:
    """A plan and how it went. `began` and `ended` are monotonic seconds, `first` how many were bought before it."""

    plan: Plan
    first: int
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    died: list[Died] = field(default_factory=list)

    def phases(self, load: Load) -> list[tuple[str, float, list[float]]]:
        """(what was away, seconds, seconds that each purchase of then took), from kill to kill, and of the whole."""
        edges: list[tuple[float, str]] = [(self.began, "all up")]
        for one in self.died:
            edges += [(one.at, f"without {one.kill}"), (one.back, "all up again")]
        spans = [(begin, end, name) for (begin, name), (end, _) in pairwise([*edges, (self.ended, "")])]
        return [
            (name, end - begin, [took for at, took in load.answered if begin <= at <= end])
            for begin, end, name in [*spans, (self.began, self.ended, "whole stage")]
        ]


class Run:
    """Load on a cluster that is up, in stages, and all of them held to account together."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.settings = cluster, cluster.settings(folder)
        self.devnet, self.load = Devnet(cluster.rpc), Load()
        self.balancer = Balancer(lambda: cluster.ports)
        self.buyers: list[Buyer] = []
        self.stages: list[Stage] = []
        self.samples: dict[str, dict[str, Spent]] = {}
        """What the containers had spent, by when that was."""
        self.batches: dict[str, int] = {}
        """By settlement key, how many chain transactions it sent."""

    @property
    def died(self) -> list[Died]:
        """In all stages."""
        return [one for stage in self.stages for one in stage.died]

    async def buy(self, plan: Plan, rate: float = 0.0) -> Stage:
        """All purchases of a plan with its kills among them.

        Each payer buys one thing after the other; with a `rate` purchases begin so often a second, whatever becomes of
        those before them.
        """
        async with httpx.AsyncClient(transport=self.balancer, timeout=PATIENCE) as client:
            buyers = [Buyer(client) for _ in plan.wishes]
            self.buyers += buyers
            async with open_parts(self.settings) as parts:
                for buyer in buyers:
                    await asyncio.to_thread(fund, self.devnet, parts.home.market, buyer.account.address, FUNDS)
            if not self.samples:
                await self.sample("before")
            stage = Stage(plan, len(self.load.bought))
            self.stages.append(stage)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._kill_all(stage))
                if rate:
                    await self._pace(group, plan, buyers, rate)
                else:
                    group.create_task(self._sample_at_a_third(plan))
                    for buyer, wishes in zip(buyers, plan.wishes, strict=True):
                        group.create_task(self.load.buy_all(buyer, ORIGIN, wishes))
            stage.ended = time.monotonic()
        return stage

    async def _pace(self, group: asyncio.TaskGroup, plan: Plan, buyers: Sequence[Buyer], rate: float) -> None:
        """Purchases come as customers do, each at a moment of its own."""
        chance = random.Random(plan.seed)
        for turn, service in enumerate(plan.in_turn):
            group.create_task(self.load.buy_all(buyers[turn % len(buyers)], ORIGIN, [service]))
            await asyncio.sleep(chance.expovariate(rate))

    async def _kill_all(self, stage: Stage) -> None:
        for kill in stage.plan.kills:
            await self.load.reach(stage.first + kill.at)
            await asyncio.to_thread(self.cluster.kill, kill.kind, kill.index)
            at, open_ones = time.monotonic(), self.load.open
            await self.load.reach(stage.first + kill.back)
            await asyncio.to_thread(self.cluster.revive, kill.kind, kill.index)
            stage.died.append(Died(kill, at, time.monotonic(), open_ones))

    async def ask(self, requests: int) -> None:
        """So many requests for terms that nobody pays, twenty at a time."""
        turns = iter(range(requests))
        async with httpx.AsyncClient(transport=Balancer(lambda: self.cluster.ports), timeout=PATIENCE) as client:

            async def ask_on() -> None:
                for turn in turns:
                    query = f"symbol=DEMO-TREND&window={2 + turn % 179}"
                    await Buyer(client).ask(f"http://{ORIGIN}/v1/market-signal?{query}")

            await asyncio.gather(*(ask_on() for _ in range(20)))

    async def _sample_at_a_third(self, plan: Plan) -> None:
        await self.load.reach(plan.purchases // 3)
        await self.sample("at a third")

    async def sample(self, when: str) -> None:
        """Look at what the containers have spent."""
        self.samples[when] = await asyncio.to_thread(self.cluster.spent)

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
            async with httpx.AsyncClient(transport=Balancer(lambda: self.cluster.ports), timeout=PATIENCE) as client:
                await self.load.come_back(client)
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


async def _sent(parts: Parts) -> list[Sent]:
    """Every chain transaction that the marketplace has stored."""
    async with parts.db.view() as connection:
        rows = (await connection.execute(select(chain_transactions))).mappings().all()
    return [Sent(row["sender"], row["nonce"], row["state"]) for row in rows]
