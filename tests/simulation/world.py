"""A marketplace in one process: the real core, facilitator and HTTP interface over fake chain, database and clock."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
from litestar import Litestar

from protocol import schemes
from protocol.wire import PaymentRequirements
from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application.announce import AnnouncingDatabase
from server.application.paddock import Ground, Paddock, Settling
from server.application.post import Post
from server.application.send import prepare
from server.domain.addresses import EgressRules
from server.domain.market import Merchant
from server.domain.orders import Order
from server.domain.payment_calls import payment_call
from server.domain.quotes import QuoteKeys
from server.domain.webhooks import WebhookKeys
from server.facilitator.local import LocalFacilitator
from server.facilitator.settler import Settler
from server.ports import Chain
from server.relay import sweep
from server.services.access_pass import SERVICE as ACCESS_PASS
from server.services.launch_pass import SERVICE as LAUNCH_PASS
from server.services.service import Answer, Context, Service, ServiceError
from server.tasks import USE_CASES, perform
from server.web.app import create_app
from server.web.credentials import Credentials, digest
from tests.fakes.chain import FakeChain, fake_market
from tests.fakes.clock import FakeClock
from tests.fakes.courier import FakeCourier
from tests.fakes.database import FakeDatabase
from tests.stack.buyer import Buyer, Quoted, read_header
from tests.stack.chains import assert_chains
from tests.stack.invariants import assert_invariants, assert_no_secrets

ORIGIN, ALIAS = "http://paddock.test", "http://alias.test"
TOKEN = "operator-token"
MERCHANT_KEY = "merchant-key"
RICH = 1_000_000_000


class Echo(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of the test services."""

    text: str = "hello"


@dataclass
class WorldBuyer(Buyer):
    """A buyer who lives in the world's time."""

    clock: FakeClock | None = None

    def pay(self, quoted: Quoted, **changes: Any) -> str:
        assert self.clock is not None
        life = quoted.entry["maxTimeoutSeconds"]
        return super().pay(quoted, **{"validBefore": str(int(self.clock.now().timestamp()) + life)} | changes)


@dataclass
class World:
    """`runs` counts handler runs by service; `app` is the marketplace over HTTP; `buyer` has money."""

    clock: FakeClock
    chain: FakeChain
    db: FakeDatabase
    paddock: Paddock
    settler: Settler
    app: Litestar
    client: httpx.AsyncClient
    buyer: Buyer
    runs: Counter[str] = field(default_factory=Counter)
    foreign: set[str] = field(default_factory=set)
    courier: FakeCourier = field(default_factory=FakeCourier)

    def url(self, service: str, query: str = "") -> str:
        return f"{ORIGIN}/v1/{service}{query}"

    async def order(self, order_id: str) -> Order:
        """The order as stored."""
        async with self.db.read() as view:
            found = await view.orders.get(order_id)
        assert found is not None, f"no order {order_id}"
        return found

    async def orders(self) -> list[Order]:
        """All orders, newest first."""
        async with self.db.read() as view:
            return list(await view.orders.recent(10_000))

    async def work(self, seconds: float = 60) -> None:
        """Let relay and workers do everything that is due within so much virtual time."""
        until = self.clock.now().timestamp() + seconds
        while self.clock.now().timestamp() < until:
            await sweep(self.paddock)
            await self.work_once()
            await self.clock.sleep(0.5)

    async def work_once(self) -> int:
        """Take what is due now and perform it, as relay and actors do."""
        now = self.clock.now()
        async with self.db.begin("jobs taken") as work:
            jobs = await work.outbox.take(now, now, 100)
        for job in jobs:
            await perform(self.paddock, job, USE_CASES[job.topic])
        return len(jobs)

    @asynccontextmanager
    async def workers(self) -> AsyncIterator[None]:
        """Workers beside what the block does."""

        async def forever() -> None:
            while True:
                await self.work_once()
                await self.clock.sleep(0.1)

        task = asyncio.create_task(forever())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def assert_invariants(self) -> None:
        """G1–G8 and W11, after everything had time to end; `given` money has no Transfer, and balances are not the
        chain's."""
        self.db.hooks.clear()
        self.chain.unavailable, self.chain.automine, self.chain.block_seconds = False, True, 1
        await self.work(120)
        await assert_invariants(self.paddock, foreign=self.foreign)
        await assert_chains(self.paddock)
        assert_no_secrets(str(await self.orders()), self.buyer.signed)

    async def submit_as_stranger(self, header: str, by: str = "stranger") -> None:
        """Somebody who saw a payment hands its authorization to the token before the facilitator does."""
        paid = read_header(header)
        terms = msgspec.convert(paid["accepted"], PaymentRequirements)
        payment = schemes.read(terms, paid["payload"])
        stranger = LocalSigner(account(by).key.hex())
        prepared = await prepare(self.chain, stranger, *payment_call(payment, payment.value))
        signed = await stranger.sign(31337, prepared.chain_nonce, prepared.call, prepared.gas, prepared.fees)
        await self.chain.send(signed.raw)
        self.foreign.add(signed.hash)

    def settlements(self) -> int:
        """How often money moved from the buyer on chain."""
        payer = self.buyer.account.address
        logs = [log for block in self.chain.blocks for mined in block.mined for log in mined.logs]
        sent = [log for log in logs if len(log.topics) == 3 and log.topics[1][-20:] == bytes.fromhex(payer[2:])]
        return len([log for log in sent if log.address == self.paddock.market.asset.address and len(log.data) == 32])


def service(slug: str, run: Callable[[Echo, Context], Any], **changes: Any) -> Service:
    """A test service; `run` answers with text, bytes, an Answer, or raises."""

    async def handler(arguments: Echo, context: Context) -> Answer:
        made = run(arguments, context)
        made = await made if asyncio.iscoroutine(made) else made
        return (
            made if isinstance(made, Answer) else Answer(made if isinstance(made, bytes) else json.dumps(made).encode())
        )

    usual: dict[str, Any] = {
        "slug": slug,
        "title": slug.title(),
        "summary": "For tests.",
        "kind": "data API",
        "unit": "call",
        "amount": 10_000,
        "arguments": Echo,
        "answers": "application/json",
        "example": {"text": "hello"},
        "run": handler,
    }
    return Service(**usual | changes)


def refuse(status: int) -> Callable[[Echo, Context], Any]:
    """A handler that says the buyer's input is wrong."""

    def run(_arguments: Echo, _context: Context) -> Any:
        raise ServiceError("these arguments are no good", status)

    return run


@asynccontextmanager
async def open_world(*services: Service, over: Callable[[FakeChain], Chain] | None = None) -> AsyncIterator[World]:
    """A world that sells these services beside echo, echo-post, dearer echo and the two passes.

    `over` makes the chain that the marketplace uses of the chain that there is.
    """
    clock = FakeClock()
    chain, db, market = FakeChain(clock), FakeDatabase(clock), fake_market()
    grounds = {market.network: Ground(market, over(chain) if over else chain)}
    settler = Settler(db, grounds[market.network], clock, LocalSigner(account("settler").key.hex()))
    runs: Counter[str] = Counter()

    def echo(arguments: Echo, _context: Context) -> Any:
        runs["echo"] += 1
        return {"text": arguments.text, "run": runs["echo"]}

    on_sale = [
        service("echo", echo),
        service("echo-post", echo, method="POST"),
        service("echo-dear", echo, amount=50_000),
    ]
    on_sale += [ACCESS_PASS, LAUNCH_PASS, *services]
    facilitator = LocalFacilitator(db, clock, grounds, {market.network: [settler]})
    courier = FakeCourier()
    paddock = Paddock(
        db=AnnouncingDatabase(db),
        clock=clock,
        facilitator=facilitator,
        grounds=grounds,
        services={one.slug: one for one in on_sale},
        merchants={"paddock": Merchant("paddock", "Test", account("merchant").address, digest(MERCHANT_KEY))},
        quotes=QuoteKeys(1, {1: b"q" * 32}),
        receipts=LocalSigner(account("receipts").key.hex()),
        opened_at=clock.now(),
        delegate=LocalSigner(account("delegate").key.hex()),
        floats={"paddock": LocalSigner(account("float").key.hex())},
        origins=(ORIGIN, ALIAS),
        post=Post(WebhookKeys(1, {1: b"w" * 32}), EgressRules(), courier),
    )
    app = create_app(None, Credentials(digest(TOKEN)), facilitator=True)  # type: ignore[arg-type]  # no lifespan here
    app.state.paddock = paddock
    app.state.settling = Settling(facilitator, {market.network: (account("settler").address,)})
    task = asyncio.create_task(settler.run())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
        buyer = WorldBuyer(client, clock=clock)
        for address in (buyer.account.address, account("float").address):
            chain.give(address, RICH)
        world = World(clock, chain, db, paddock, settler, app, client, buyer, runs, courier=courier)
        try:
            yield world
            await world.assert_invariants()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
