"""A thousand messages over real sockets to a server that fails in every way, by workers that die: each has its effect
once, and those of an order in their order. Time is virtual, but for the sockets'."""

import asyncio
import random
from collections import Counter, defaultdict
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from protocol.webhooks import WebhookReplayed, verify
from server.adapters.courier import HttpCourier
from server.adapters.database import SqlDatabase
from server.adapters.egress import GuardedClient
from server.application import endpoints
from server.application.announce import announce
from server.application.endings import Endings
from server.application.post import Post
from server.application.webhook import webhook
from server.domain.addresses import EgressRules
from server.domain.orders import Order
from server.domain.webhooks import Kind, WebhookKeys
from server.tasks import perform
from tests.fakes import samples
from tests.fakes.clock import FakeClock
from tests.fakes.database import FakeDatabase
from tests.stack.receiver import Receiver, response

KINDS = (Kind.ORDER_SETTLED, Kind.ORDER_FAILED, Kind.ORDER_REFUND_DUE, Kind.ORDER_REFUNDED, Kind.ORDER_FINAL)
RULES = EgressRules(https_only=False, allow_private=True)
HANDS = 4
LEASE = timedelta(seconds=15)
PATIENCE = 0.3
"""Seconds that a real attempt may take here; a hanging receiver is left after it."""


class Killed(BaseException):
    """The worker is gone: nothing that it was about to do happens."""


@dataclass
class Faults:
    """Dice with a seed: how often what goes wrong, in percent."""

    chance: random.Random = field(default_factory=lambda: random.Random(6))
    thrown: Counter[str] = field(default_factory=Counter)

    def strike(self, what: str, percent: float) -> bool:
        hit = self.chance.random() * 100 < percent
        self.thrown[what] += hit
        return hit


@dataclass
class Shop:
    """The receiver. A message's effect is a line in its order's book."""

    clock: FakeClock
    faults: Faults
    secrets: list[str] = field(default_factory=list)
    handled: set[str] = field(default_factory=set)
    books: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    replayed: int = 0

    async def __call__(self, headers: Any, body: bytes) -> bytes | None:
        if self.faults.strike("answers 500", 12):
            return response(500)
        if self.faults.strike("resets before it worked", 8):
            return None
        if self.faults.strike("hangs before it worked", 1.5):
            await asyncio.Event().wait()
        try:
            message = verify(self.secrets, headers, body, self._seen, self.clock.now().timestamp())
            self.books[message.order["id"]].append(message.sequence)
        except WebhookReplayed:
            self.replayed += 1
        if self.faults.strike("loses its answer", 8):
            return None
        if self.faults.strike("hangs after it worked", 1.5):
            await asyncio.Event().wait()
        return response(200)

    def _seen(self, message_id: str) -> bool:
        known = message_id in self.handled
        self.handled.add(message_id)
        return known


class DyingCourier(HttpCourier):
    """The worker dies between sending and writing it down."""

    faults: Faults

    async def post(self, *given: Any) -> Any:
        reply = await super().post(*given)
        if self.faults.strike("worker dies after sending", 4):
            raise Killed
        return reply


class DyingDatabase:
    """The worker dies in the middle of a unit of work, or right after it."""

    def __init__(self, db: Any, faults: Faults) -> None:
        self._db, self._faults = db, faults
        self.read = db.read

    @asynccontextmanager
    async def begin(self, name: str) -> Any:
        async with self._db.begin(name) as work:
            yield work
            if name in ("webhook recorded", "job") and self._faults.strike(f"worker dies in {name!r}", 2):
                raise Killed
        if name == "webhook recorded" and self._faults.strike("worker dies having recorded", 2):
            raise Killed


@dataclass
class Stage:
    """Database, workers and receiver."""

    db: Any
    clock: FakeClock
    worker: Any
    faults: Faults
    orders: list[Order]

    async def tell(self, kind: Kind) -> None:
        async with self.db.begin("tell") as work:
            for order in self.orders:
                await announce(work, "paddock", order.id, kind, {})

    async def work(self, most: int = 100_000) -> None:
        """Take what is due and do it, as relay and workers do, until nothing waits or `most` jobs are done."""
        done = 0
        while done < most:
            now = self.clock.now()
            async with self.db.read() as view:
                if not await view.outbox.waiting():
                    return
                due = await view.outbox.due(now)
            if due:
                async with self.db.begin("jobs taken") as work:
                    jobs = await work.outbox.take(now, now + LEASE, HANDS)
                await asyncio.gather(*(self._perform(job) for job in jobs))
                done += len(jobs)
            self.clock.advance(0.25 if due else 5.0)

    async def _perform(self, job: Any) -> None:
        with suppress(Killed):
            await perform(self.worker, job, webhook)


@pytest.fixture(params=["fake", "sqlite"])
async def stage(request):
    """A thousand messages in memory; two hundred where every step goes to the disk."""
    clock, faults = FakeClock(), Faults()
    on_disk = request.param == "sqlite"
    db: Any = SqlDatabase(request.getfixturevalue("sqlite_url"), clock) if on_disk else FakeDatabase(clock)
    courier = DyingCourier(GuardedClient(RULES), PATIENCE)
    courier.faults = faults
    post = Post(WebhookKeys(1, {1: b"w" * 32}), RULES, courier)
    dying = DyingDatabase(db, faults)
    worker = SimpleNamespace(db=dying, clock=clock, post=post, tracing=None, endings=Endings())
    yield Stage(db, clock, worker, faults, [samples.order() for _ in range(40 if on_disk else 200)])
    await courier.close()
    await db.close()


async def test_w6_w7_a_thousand_messages_arrive_once_in_effect_and_in_order_whatever_fails(stage):
    shop = Shop(stage.clock, stage.faults)
    async with stage.db.begin("claim") as work:
        for order in stage.orders:
            await work.orders.add(order)
    async with Receiver(shop) as receiver:
        desk = SimpleNamespace(db=stage.db, clock=stage.clock, post=stage.worker.post)
        _, secret = await endpoints.add(desk, "paddock", receiver.url, "")
        shop.secrets = [secret]
        for kind in KINDS:
            await stage.tell(kind)
            await stage.work(most=150)
        await stage.work()

    messages = len(stage.orders) * len(KINDS)
    assert dict(shop.books) == {order.id: [1, 2, 3, 4, 5] for order in stage.orders}
    assert len(shop.handled) == messages
    async with stage.db.read() as view:
        assert await view.webhooks.counts() == {"delivered": messages}
    assert shop.replayed > messages / 20, "what was lost came again"
    assert min(stage.faults.thrown.values()) > 0, f"everything went wrong: {stage.faults.thrown}"
