"""A marketplace left with an order in every state: some ended, some in the hands of processes that died."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import msgspec

from protocol.schemes import read
from protocol.wire import FacilitatorRequest
from server.application.settle import stored_payment
from server.domain.orders import Order
from server.domain.settlements import Settlement, settlement_id
from tests.stack.buyer import Buyer, Quoted
from tests.stack.marketplace import Marketplace
from tests.stack.waiting import eventually

DIRECT = "/v1/market-signal?symbol=DEMO-TREND&window=20"
LAUNCH, ACCESS = "/v1/launch-pass", "/v1/access-pass"
DEATHS = {
    "handled": "ready:after",
    "handled, then admitted": "ready:after",
    "claimed": "claim:after",
    "paid": "settlement recorded:after",
    "signed": "settlement signed:after",
}
"""State of an order → the point at which its server died. The last one is last: its chain transaction waits signed."""


LAPSING = ("handled", "claimed")
"""Orders whose payment nobody submits: they end when it lapses."""
ENDINGS = {
    **dict.fromkeys(("delivered", "called", "launched", "released", "to call", "paid", "signed"), "completed"),
    **dict.fromkeys(("refunded", "to refund"), "refunded"),
    "handled, then admitted": "completed",
    "handled": "failed",
    "claimed": "expired",
}
"""How each order has to end when processes run again: completed, refunded, or never paid."""


@dataclass
class Staged:
    """Orders by what they wait for; `sent` holds each one's request and payment, for sending it again."""

    orders: dict[str, str] = field(default_factory=dict)
    sent: dict[str, tuple[Quoted, str]] = field(default_factory=dict)

    def keep(self, name: str, quoted: Quoted, header: str) -> None:
        self.orders[name], self.sent[name] = quoted.id, (quoted, header)


async def stage(place: Marketplace, buyer: Buyer) -> Staged:
    """Buy until there is one of each, then let every process end. No money is lost and much is unfinished."""
    staged = Staged()
    server, worker = place.start_server(), place.start_worker()
    for name, path in [("delivered", DIRECT), ("called", ACCESS), ("launched", LAUNCH), ("refunded", LAUNCH)]:
        await _buy(place, buyer, staged, name, path, 502 if name == "refunded" else 200)
    await eventually(lambda: _final(place, staged), 60, "all four orders are final and chained", every=0.2)
    worker.stop()
    await _buy(place, buyer, staged, "released", DIRECT, 200)
    for name, path in [("to call", ACCESS), ("to refund", LAUNCH)]:
        await _leave(place, buyer, staged, name, path)
    server.stop()
    for name, point in DEATHS.items():
        await _die(place, buyer, staged, name, point)
    await _admit(place, staged.orders["handled, then admitted"])
    return staged


async def _buy(place: Marketplace, buyer: Buyer, staged: Staged, name: str, path: str, status: int) -> None:
    quoted = await _ask(place, buyer, path)
    header = buyer.pay(quoted)
    answer = await buyer.present(quoted, header)
    assert answer.status_code == status, answer.text
    staged.keep(name, quoted, header)


async def _leave(place: Marketplace, buyer: Buyer, staged: Staged, name: str, path: str) -> None:
    """A purchase whose callback nobody runs; its buyer goes away."""
    quoted = await _ask(place, buyer, path)
    header = buyer.pay(quoted)
    waiting = asyncio.create_task(buyer.present(quoted, header))
    await eventually(lambda: _is(place, quoted.id, "executing"), 30, "its callback is to be run")
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    staged.keep(name, quoted, header)


async def _die(place: Marketplace, buyer: Buyer, staged: Staged, name: str, point: str) -> None:
    server = place.start_server(dies_at=point)
    quoted = await _ask(place, buyer, DIRECT)
    life = 15 if name in LAPSING else 3600
    header = buyer.pay(quoted, validBefore=str(int(time.time()) + life))
    try:
        answer = await buyer.present(quoted, header)
        raise AssertionError(f"the server lives: {answer.text}")
    except httpx.TransportError:
        await eventually(lambda: asyncio.sleep(0, not server.running), 10, f"the server dies at {point}")
    staged.keep(name, quoted, header)


async def _admit(place: Marketplace, order_id: str) -> None:
    """Queue the settlement of an order, as a facilitator does that dies before it signs."""
    async with place.parts() as parts, parts.db.begin("staged") as work:
        order = await work.orders.get(order_id)
        payload, terms = stored_payment(order)
        request = FacilitatorRequest(x402_version=2, payment_payload=payload, payment_requirements=terms)
        payment = read(terms, payload.payload)
        over = datetime.now(UTC)
        raw = msgspec.json.encode(request)
        await work.settlements.add(Settlement(settlement_id(payment), payment, order.price, raw, over, 0))


async def _ask(place: Marketplace, buyer: Buyer, path: str) -> Quoted:
    return await buyer.ask(place.url + path) if path == DIRECT else await buyer.ask(place.url + path, "POST", {})


async def _is(place: Marketplace, order_id: str, fulfilment: str) -> bool:
    async with place.parts() as parts, parts.db.read() as view:
        order = await view.orders.get(order_id)
    return order is not None and order.fulfilment == fulfilment


async def _final(place: Marketplace, staged: Staged) -> bool:
    async with place.parts() as parts, parts.db.read() as view:
        orders = [await view.orders.get(order_id) for order_id in staged.orders.values()]
        proven = [await view.proofs.get(order_id) for order_id in staged.orders.values()]
        chained = await view.receipt_chain.entries("paddock", 0, 100)
    return all(order and order.final_at for order in orders) and all(proven) and len(chained) == 3


async def endings(place: Marketplace, staged: Staged) -> dict[str, str]:
    """How each order stands, in the words of ENDINGS; `pending` for what is not over."""
    async with place.parts() as parts, parts.db.read() as view:
        orders = {name: await view.orders.get(order_id) for name, order_id in staged.orders.items()}
    return {name: _ending(order) for name, order in orders.items()}


def _ending(order: Order | None) -> str:
    if order is None:
        return "unknown"
    if not order.ended:
        return "pending"
    return "refunded" if order.money_back == "refunded" else str(order.shown)
