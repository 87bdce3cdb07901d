"""A Paddock without facilitator or HTTP, whose orders and chain a test makes up: for one use case at a time."""

import json
from typing import Any

import msgspec

from scripts.accounts import account
from server.adapters.signers import LocalSigner
from server.application.deliver import FIRST_LOOK
from server.application.paddock import Ground, Paddock
from server.domain.cases import Case
from server.domain.market import Merchant
from server.domain.orders import Order
from server.domain.quotes import QuoteKeys
from server.services.access_pass import SERVICE as ACCESS_PASS
from server.services.service import Answer, Context, Service
from tests.fakes.chain import FakeChain, fake_market
from tests.fakes.clock import FakeClock
from tests.fakes.database import FakeDatabase


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No arguments."""


async def _answer(_arguments: Nothing, _context: Context) -> Answer:
    return Answer(json.dumps("answer").encode())


ECHO = Service(
    slug="echo",
    title="Echo",
    summary="For tests.",
    kind="data API",
    unit="call",
    amount=50_000,
    arguments=Nothing,
    answers="application/json",
    example={},
    run=_answer,
)


def bare_paddock(
    clock: FakeClock, chain: Any = None, *services: Service, confirmations: int = 1, **changes: Any
) -> Paddock:
    """It sells echo and the access pass to whoever a test makes an order for."""
    market = fake_market()
    usual: dict[str, Any] = {
        "db": FakeDatabase(clock),
        "clock": clock,
        "facilitator": None,
        "grounds": {market.network: Ground(market, chain or FakeChain(clock), confirmations)},
        "services": {one.slug: one for one in (ECHO, ACCESS_PASS, *services)},
        "merchants": {"paddock": Merchant("paddock", "Test", account("merchant").address, b"digest")},
        "quotes": QuoteKeys(1, {1: b"q" * 32}),
        "receipts": LocalSigner(account("receipts").key.hex()),
        "opened_at": clock.now(),
        "delegate": LocalSigner(account("delegate").key.hex()),
        "floats": {"paddock": LocalSigner(account("float").key.hex())},
    }
    return Paddock(**usual | changes)


async def put(paddock: Paddock, order: Order) -> Order:
    """Store it as it is."""
    async with paddock.db.begin("order made up") as work:
        await work.orders.add(order)
    return order


async def stored(paddock: Paddock, order: Order) -> Order:
    """The order as it stands now."""
    async with paddock.db.read() as view:
        found = await view.orders.get(order.id)
    assert found is not None
    return found


async def jobs(paddock: Paddock) -> list[tuple[str, str]]:
    """What is to be done within the second in which an order is followed first: (topic, subject)."""
    until = paddock.clock.now() + FIRST_LOOK
    async with paddock.db.begin("jobs taken") as work:
        found = await work.outbox.take(until, until, 100)
    return [(job.topic, job.subject) for job in found]


async def cases(paddock: Paddock, order: Order) -> list[Case]:
    """Those about an order."""
    async with paddock.db.read() as view:
        return list(await view.cases.of(order.id))
