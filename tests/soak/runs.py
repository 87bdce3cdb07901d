"""One run of the soak: purchases, a process killed among them and started again, and everything held to account."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx

from server.adapters.merchant_rows import all_merchants
from server.domain.market import Market
from tests.soak.plans import FACILITATOR, SERVER, SERVICES, WORKER, Plan, Purchase
from tests.stack.anvil import Anvil
from tests.stack.buyer import Buyer, Quoted
from tests.stack.chains import assert_chains
from tests.stack.endings import all_orders, drained
from tests.stack.forking import start_forked
from tests.stack.funds import fund
from tests.stack.invariants import assert_invariants, assert_no_secrets
from tests.stack.marketplace import Marketplace
from tests.stack.processes import Child, ChildDied, free_port
from tests.stack.waiting import eventually

FUNDS = 1_000_000_000
PATIENCE = 60.0
"""Seconds for each of the things that are waited for; a run takes about ten."""
AGAIN = (202, 409, 429, 503)
"""Answers after which a buyer sends the same payment again."""
ENDS = {"DIRECT": (200,), "DELEGATE": (200, 502)}


@dataclass(frozen=True)
class Stage:
    """What outlives a run: a devnet with everything deployed, and where databases come from."""

    anvil: Anvil
    market: Market
    deployments: Path
    database_url: str
    broker_url: str = ""


@dataclass(frozen=True)
class Ended:
    """What came of a run: whether its victim died at its point, and how long everything took."""

    killed: bool
    seconds: float


async def run(plan: Plan, stage: Stage, folder: Path) -> Ended:
    """Raises AssertionError when something does not hold; the processes' logs are then in the folder."""
    began = time.monotonic()
    async with _Run.opened(plan, stage, folder) as one:
        await one.buy_everything()
        await one.account_for_everything()
        return Ended(one.killed, time.monotonic() - began)


class _Run:
    """The processes of a run and its buyer."""

    def __init__(self, plan: Plan, stage: Stage, folder: Path, client: httpx.AsyncClient) -> None:
        self.plan, self.stage, self.buyer = plan, stage, Buyer(client)
        self.facilitator_port = free_port()
        self.killed = self.over = False
        self.gone: list[tuple[Purchase, Quoted, str]] = []
        more = {
            "PADDOCK_FACILITATOR_URL": f"http://127.0.0.1:{self.facilitator_port}/facilitator",
            "PADDOCK_ANCHOR_SECONDS": "1",
            "PADDOCK_FINALITY": "1",
        }
        self.place = Marketplace(
            folder,
            stage.anvil.url,
            stage.database_url,
            stage.deployments,
            broker_url=stage.broker_url,
            more=more,
            start=start_forked,
        )

    @classmethod
    @asynccontextmanager
    async def opened(cls, plan: Plan, stage: Stage, folder: Path) -> AsyncIterator["_Run"]:
        """With its processes up, one of them armed; all are ended afterwards."""
        before = stage.anvil.rpc("evm_snapshot")
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            one = cls(plan, stage, folder, client)
            try:
                fund(stage.anvil, stage.market, one.buyer.account.address, FUNDS)
                guards = [asyncio.create_task(one._see_to(name)) for name in (FACILITATOR, SERVER, WORKER)]
                try:
                    yield one
                finally:
                    one.over = True
                    await asyncio.gather(*guards)
            finally:
                for child in one.place.children:
                    child.kill()
                stage.anvil.rpc("anvil_dropAllTransactions")
                stage.anvil.rpc("evm_revert", before)

    async def _see_to(self, name: str) -> None:
        """Keep a process up, as a supervisor would; the victim is armed the first time only."""
        label = self.plan.label if name == self.plan.point.victim else ""

        async def ended() -> bool:
            return self.over or not child.running

        while not self.over:
            known = len(self.place.children)
            try:
                child = await asyncio.to_thread(self._start, name, label)
            except ChildDied:
                child = next(one for one in self.place.children[known:] if one.name.startswith(name))
            await eventually(ended, float("inf"), f"{name} ends", every=0.05)
            if not self.over:
                assert label, f"{name} ended by itself:\n{child.log()[-3000:]}"
                self.killed, label = True, ""

    def _start(self, name: str, label: str) -> Child:
        if name == FACILITATOR:
            self.place.start_facilitator(label, port=self.facilitator_port)
            return next(one for one in reversed(self.place.children) if one.name.startswith(name))
        start = self.place.start_server if name == SERVER else self.place.start_worker
        return start(label)

    # ------------------------------------------------------------------------------------------------------- buying

    async def buy_everything(self) -> None:
        """All purchases; who is impatient comes back only when every order that was paid has ended without it."""
        await asyncio.gather(*(self._buy(one) for one in self.plan.purchases))
        async with self.place.parts() as parts:
            await eventually(lambda: self._ended(parts, absent=True), PATIENCE, "every paid order has ended", every=0.2)
        await asyncio.gather(*(self._answered(*one) for one in self.gone))

    async def _buy(self, purchase: Purchase) -> None:
        await asyncio.sleep(purchase.after)
        quoted = await eventually(lambda: self._quoted(purchase), PATIENCE, "a quote", every=0.1)
        header = self.buyer.pay(quoted)
        if purchase.patient:
            await self._answered(purchase, quoted, header)
            return
        try:
            response = await self.buyer.present(quoted, header)
        except httpx.TransportError:
            self.gone.append((purchase, quoted, header))
            return
        if response.status_code in AGAIN:
            self.gone.append((purchase, quoted, header))

    async def _quoted(self, purchase: Purchase) -> Quoted | None:
        url = f"{self.place.url}/v1/{purchase.service}"
        try:
            if SERVICES[purchase.service] == "DELEGATE":
                return await self.buyer.ask(url, "POST", {})
            return await self.buyer.ask(f"{url}?symbol=DEMO-TREND&window=20")
        except httpx.TransportError:
            return None

    async def _answered(self, purchase: Purchase, quoted: Quoted, header: str) -> None:
        """The same payment, until it is answered: with what was bought, or with a refund under way."""

        async def answer() -> httpx.Response | None:
            try:
                response = await self.buyer.present(quoted, header)
            except httpx.TransportError:
                return None
            return None if response.status_code in AGAIN else response

        said = await eventually(answer, PATIENCE, f"an answer for {quoted.id}", every=0.2)
        assert said.status_code in ENDS[SERVICES[purchase.service]], f"{quoted.id}: {said.status_code} {said.text}"

    # --------------------------------------------------------------------------------------------------- accounting

    async def account_for_everything(self) -> None:
        """Every order has ended, nothing is left to do, one launch pass was sold, and G1–G8 and W11 hold."""
        async with self.place.parts() as parts:
            await eventually(lambda: self._ended(parts, absent=False), PATIENCE, "every order has ended", every=0.1)
            await eventually(lambda: drained(parts), PATIENCE, "the outbox is drained", every=0.1)
            await assert_invariants(parts, paid=len(self.plan.purchases))
            passes = [order for order in await all_orders(parts) if order.terms.service == "launch-pass"]
            assert [order.money_back for order in passes].count("none") == 1, "one launch pass is sold"
            async with parts.db.view() as connection:
                merchants = await all_merchants(connection)
            market = SimpleNamespace(db=parts.db, merchants=merchants, market=parts.home.market, chain=parts.home.chain)
            await assert_chains(market)  # type: ignore[arg-type]
        assert_no_secrets(self.place.logs(), self.buyer.signed)

    async def _ended(self, parts: Any, *, absent: bool) -> bool:
        """Whether all orders have; of absent buyers only those for which money has moved."""
        orders = await all_orders(parts)
        away = {quoted.id for _, quoted, _ in self.gone} if absent else set()
        chain = parts.home.chain
        open_ones = [order for order in orders if not order.ended]
        return all([order.id in away and not await chain.nonce_used(order.spend) for order in open_ones])
