"""A marketplace in one process: the real core, facilitator and HTTP interface over fake chain, database and clock."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
from eth_utils.crypto import keccak
from litestar import Litestar

from protocol import schemes
from protocol.payment import Payment
from protocol.wire import PaymentRequirements
from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application.announce import AnnouncingDatabase
from server.application.catalogue import Shelf
from server.application.paddock import Custody, Ground, Paddock, Settling
from server.application.post import Post
from server.application.send import prepare
from server.application.tracing import Tracing
from server.domain.addresses import EgressRules
from server.domain.market import Asset, Merchant
from server.domain.orders import Order
from server.domain.quotes import QuoteKeys
from server.domain.settlement_calls import settlement_call
from server.domain.webhooks import WebhookKeys
from server.facilitator.local import LocalFacilitator
from server.facilitator.settler import Settler
from server.ports import Chain
from server.relay import sweep
from server.services.access_pass import SERVICE as ACCESS_PASS
from server.services.launch_pass import SERVICE as LAUNCH_PASS
from server.services.service import Answer, Context, Service, ServiceError
from server.services.upstream import Door
from server.tasks import USE_CASES, perform
from server.web.app import create_app
from server.web.credentials import Credentials, digest
from tests.fakes.chain import DOLLAR, FakeChain, fake_market
from tests.fakes.clock import FakeClock
from tests.fakes.courier import FakeCourier
from tests.fakes.database import FakeDatabase
from tests.fakes.evm import CHAIN_ID
from tests.fakes.gateway import FakeGateway
from tests.stack.buyer import JSON, Buyer, Quoted, payment, read_header, write_header
from tests.stack.chains import assert_chains
from tests.stack.invariants import assert_invariants, assert_no_secrets
from tests.stack.permits import permit_payment

ORIGIN, ALIAS = "http://paddock.test", "http://alias.test"
TOKEN = "operator-token"
MERCHANT_KEY = "merchant-key"
RICH = 1_000_000_000
AT_ONCE = 100
"""Jobs that are taken at a time; workers go on until nothing more is due."""


class Echo(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of the test services."""

    text: str = "hello"


@dataclass
class WorldBuyer(Buyer):
    """A buyer who lives in the world's time."""

    clock: FakeClock | None = None

    def pay(self, quoted: Quoted, entry: JSON | None = None, **changes: Any) -> str:
        """The header that pays an entry, the first one if none is given."""
        chosen = entry or quoted.entry
        usual = {"validBefore": self._until(chosen)}
        return self._sent(payment(self.account, chosen, quoted.required["resource"], **usual | changes))

    def permit(self, quoted: Quoted, entry: JSON | None = None, **changes: Any) -> str:
        """The same by Permit2."""
        chosen = entry or quoted.entry
        usual = {"deadline": self._until(chosen)}
        return self._sent(permit_payment(self.account, chosen, quoted.required["resource"], **usual | changes))

    def _until(self, entry: JSON) -> str:
        assert self.clock is not None
        return str(int(self.clock.now().timestamp()) + entry["maxTimeoutSeconds"])

    def _sent(self, paid: JSON) -> str:
        self.signed.append(write_header(paid))
        return self.signed[-1]


@dataclass
class World:
    """`runs` counts handler runs by service; `app` is the marketplace over HTTP; `buyer` has money.

    `chains` are all of them by network, `chain` the first; `settlers` the first network's. `lawful`: what tokens tell
    is what they do, so that the invariants mean something at the end.
    """

    clock: FakeClock
    chains: Mapping[str, FakeChain]
    db: FakeDatabase
    paddock: Paddock
    settlers: Sequence[Settler]
    app: Litestar
    client: httpx.AsyncClient
    buyer: WorldBuyer
    runs: Counter[str] = field(default_factory=Counter)
    foreign: set[str] = field(default_factory=set)
    courier: FakeCourier = field(default_factory=FakeCourier)
    gateway: FakeGateway = field(default_factory=FakeGateway)
    shelf: Shelf = field(default_factory=lambda: Shelf({}, {}, None))
    lawful: bool = True

    @property
    def chain(self) -> FakeChain:
        return next(iter(self.chains.values()))

    @property
    def settler(self) -> Settler:
        return self.settlers[0]

    async def entered(self) -> httpx.AsyncClient:
        """The client, let in to the console: it has the operator's cookie from now on."""
        await self.client.get("/console/enter", params={"token": TOKEN})
        return self.client

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
            while await self.work_once() == AT_ONCE:
                pass
            await self.clock.sleep(0.5)

    async def work_once(self) -> int:
        """Take what is due now and perform it, as relay and actors do."""
        now = self.clock.now()
        async with self.db.begin("jobs taken") as work:
            jobs = await work.outbox.take(now, now, AT_ONCE)
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
        for chain in self.chains.values():
            chain.unavailable, chain.automine, chain.block_seconds = False, True, 1
            chain.lag = chain.least_fee = chain.drop_next = chain.lose_next = 0
        await self.work(120)
        await assert_invariants(self.paddock, foreign=self.foreign)
        await assert_chains(self.paddock)
        assert_no_secrets(str(await self.orders()), self.buyer.signed)

    async def submit_as_stranger(self, header: str, by: str = "stranger") -> None:
        """Somebody who saw a payment makes the call that settles it before the facilitator does."""
        seen = read_payment(header)
        await self.as_stranger(*settlement_call(self.paddock.market, seen, seen.value), by)

    async def as_stranger(self, to: str, data: bytes, by: str = "stranger") -> None:
        """A stranger's call on the first chain."""
        stranger = LocalSigner(account(by).key.hex())
        prepared = await prepare(self.chain, stranger, to, data)
        signed = await stranger.sign(self.chain.id, prepared.chain_nonce, prepared.call, prepared.gas, prepared.fees)
        await self.chain.send(signed.raw)
        self.foreign.add(signed.hash)

    def settlements(self) -> int:
        """How often money moved from the buyer on chain."""
        payer = self.buyer.account.address
        logs = [log for block in self.chain.blocks for mined in block.mined for log in mined.logs]
        sent = [log for log in logs if len(log.topics) == 3 and log.topics[1][-20:] == bytes.fromhex(payer[2:])]
        return len([log for log in sent if log.address == self.paddock.market.asset.address and len(log.data) == 32])


def read_payment(header: str) -> Payment:
    """What a payment header moves, as whoever sees it reads it."""
    paid = read_header(header)
    return schemes.read(msgspec.convert(paid["accepted"], PaymentRequirements), paid["payload"])


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


def settlement_keys(number: int) -> list[LocalSigner]:
    """The devnet's key first, then keys of the tests' own."""
    more = [LocalSigner(keccak(b"settlement key %d" % index).hex()) for index in range(1, number)]
    return [LocalSigner(account("settler").key.hex()), *more]


def _merchant() -> Merchant:
    return Merchant("paddock", "Test", account("merchant").address, digest(MERCHANT_KEY), api_secret="1.test")


@asynccontextmanager
async def open_world(
    *services: Service,
    over: Callable[[FakeChain], Chain] | None = None,
    chain_ids: Sequence[int] = (CHAIN_ID,),
    assets: tuple[Asset, ...] = (DOLLAR,),
    keys: int = 1,
    confirmations: int = 1,
    finality: int = 2,
    tracing: Tracing | None = None,
) -> AsyncIterator[World]:
    """A world that sells these services beside echo, echo-post, dearer echo and the two passes.

    `over` makes the chain that the marketplace uses of the chain that there is; `keys` settle on each network.
    """
    clock = FakeClock()
    db, chains = FakeDatabase(clock), {f"eip155:{one}": FakeChain(clock, finality, one) for one in chain_ids}
    grounds = {
        network: Ground(fake_market(chain.id, assets), over(chain) if over else chain, confirmations)
        for network, chain in chains.items()
    }
    settlers = {name: [Settler(db, on, clock, key) for key in settlement_keys(keys)] for name, on in grounds.items()}
    runs: Counter[str] = Counter()

    def echo(arguments: Echo, _context: Context) -> Any:
        runs["echo"] += 1
        return {"text": arguments.text, "run": runs["echo"]}

    echoes = [service("echo", echo), service("echo-post", echo, method="POST")]
    on_sale = [*echoes, service("echo-dear", echo, amount=50_000), ACCESS_PASS, LAUNCH_PASS, *services]
    facilitator = LocalFacilitator(db, clock, grounds, settlers)
    courier, gateway, webhook_keys = FakeCourier(), FakeGateway(), WebhookKeys(1, {1: b"w" * 32})
    shelf = Shelf({one.slug: one for one in on_sale}, {}, Door(gateway, webhook_keys, clock))
    paddock = Paddock(
        db=AnnouncingDatabase(db, tracing),
        tracing=tracing,
        clock=clock,
        facilitator=facilitator,
        grounds=grounds,
        services=shelf.services,
        off_sale=shelf.off_sale,
        gateway=gateway,
        merchants={"paddock": _merchant()},
        quotes=QuoteKeys(1, {1: b"q" * 32}),
        receipts=LocalSigner(account("receipts").key.hex()),
        opened_at=clock.now(),
        delegate=LocalSigner(account("delegate").key.hex()),
        floats={"paddock": LocalSigner(account("float").key.hex())},
        origins=(ORIGIN, ALIAS),
        post=Post(webhook_keys, EgressRules(), courier),
        custody=Custody(devnet=True),
    )
    app = create_app(None, Credentials(digest(TOKEN)), facilitator=True)  # type: ignore[arg-type]  # no lifespan here
    app.state.paddock = paddock
    app.state.settling = Settling(facilitator, {name: tuple(s.address for s in own) for name, own in settlers.items()})
    tasks = [asyncio.create_task(settler.run()) for own in settlers.values() for settler in own]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
        buyer = WorldBuyer(client, clock=clock)
        for chain in chains.values():
            for address in (buyer.account.address, account("float").address):
                chain.give(address, RICH)
        own = settlers[paddock.market.network]
        world = World(
            clock, chains, db, paddock, own, app, client, buyer, runs, courier=courier, gateway=gateway, shelf=shelf
        )
        try:
            yield world
            if world.lawful:
                await world.assert_invariants()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
