"""Purchases whose settlement is held up: the devnet makes no blocks until it is told to, and then all are settled."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from scripts.bench import full_call
from scripts.bench.batch_gas import send
from scripts.bench.buyer import asked, balance, payment, read
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import TARGET, Side
from scripts.bench.wire import Answer, Caller, request
from server.domain.calls import encode_call

PER_PAYER = 25
"""Fewer than the 32 orders of one payer that may be in flight."""
ON_THEIR_WAY = 40
"""Purchases between request and pending at once: fewer than the 64 that a service may answer at once."""
AGAIN = frozenset({409, 429, 503})
"""Answers after which the same payment is sent again, as they say themselves."""
VALID = 900
"""Seconds: a payment outlives the wait for blocks."""
LOOK_EVERY = 0.05
_DUE = (
    "SELECT count(*) FROM outbox WHERE done = 0 AND due <= strftime('%Y-%m-%d %H:%M:%f', 'now') "
    "AND subject IN (SELECT id FROM orders)"
)
_UNCHAINED = "SELECT count(*) FROM receipt_queue"


@asynccontextmanager
async def held(side: Side, count: int) -> AsyncIterator[None]:
    """Within the block so many authorizations are accepted and not mined, by database and chain, and their buyers wait.

    After it blocks are made again, and each is settled and delivered. Raises BenchFailed where that is not so.
    """
    market, payers = side.market, funded(side, count)
    before = balance(market.rpc, market.asset, market.pay_to)
    open_orders = pending(side)
    with no_blocks(market.rpc):
        buyers = []
        for number in range(count):
            buyers.append(asyncio.create_task(buy(side, payers[number // PER_PAYER])))
            while len(buyers) - (pending(side) - open_orders) > ON_THEIR_WAY:
                await waiting(buyers)
        while pending(side) - open_orders < count:
            await waiting(buyers)
        require_pending(side, before, open_orders + count)
        yield
        require_pending(side, before, open_orders + count)
    await asyncio.gather(*buyers)
    moved = balance(market.rpc, market.asset, market.pay_to) - before
    if moved != count * market.amount:
        raise BenchFailed(f"{side.title}: {count} payments were answered, and {moved} atomic units moved")


async def rested(side: Side) -> None:
    """Wait until the worker has done what is due after the purchases that there were."""
    while True:
        if not at_work(side):
            return
        await asyncio.sleep(LOOK_EVERY)


def at_work(side: Side) -> int:
    """Jobs of orders that are due, and receipts that wait for their place in the chain."""
    with reading(side) as connection:
        return sum(connection.execute(query).fetchone()[0] for query in (_DUE, _UNCHAINED))


async def waiting(buyers: list[asyncio.Task[float]]) -> None:
    """A moment. Raises what one of the buyers raised."""
    await asyncio.sleep(LOOK_EVERY)
    for buyer in buyers:
        if buyer.done():
            buyer.result()
            raise BenchFailed("a purchase was settled while no block was made")


async def buy(side: Side, payer: LocalAccount) -> float:
    """One purchase; see `paid`."""
    return await paid(side, await signed(side, payer))


async def signed(side: Side, payer: LocalAccount) -> str:
    """The header that pays for a new quote."""
    caller = await Caller.open(side.port)
    try:
        required = read(await caller.ask(request(side.port, TARGET)), "payment-required", 402)
    finally:
        caller.close()
    return payment(payer, required, VALID)


async def paid(side: Side, header: str) -> float:
    """Pay on a connection of its own, again for as long as that is asked for; seconds to the answer.

    Raises BenchFailed for any other answer than the service's, with a settlement and receipts.
    """
    caller = await Caller.open(side.port)
    try:
        paying, began = request(side.port, TARGET, PAYMENT_SIGNATURE=header), time.perf_counter()
        answer = await caller.ask(paying)
        while answer.status in AGAIN:
            await asyncio.sleep(pause(answer))
            answer = await caller.ask(paying)
        took = time.perf_counter() - began
        full_call.check(side, read(answer, "payment-response", 200))
        return took
    finally:
        caller.close()


def pause(answer: Answer) -> float:
    """Seconds that an answer asks to wait. Raises BenchFailed if it doesn't."""
    return float(answer.header("retry-after"))


def funded(side: Side, count: int) -> list[LocalAccount]:
    """New payers with the money for their part of so many purchases; from now on blocks come once a second only."""
    market, payers = side.market, [Account.create() for _ in range(-(-count // PER_PAYER))]
    asked(market.rpc, "evm_setAutomine", True)
    for payer in payers:
        mint = encode_call("mint(address,uint256)", payer.address, PER_PAYER * market.amount)
        send(side, "deployer", market.asset, mint)
    asked(market.rpc, "evm_setIntervalMining", 1)
    return payers


def pending(side: Side) -> int:
    """Settlements in the database that are accepted and neither settled nor failed."""
    with reading(side) as connection:
        (found,) = connection.execute("SELECT count(*) FROM settlements WHERE state IN ('queued', 'sent')").fetchone()
    return int(found)


def require_pending(side: Side, before: int, count: int) -> None:
    """Raises BenchFailed unless so many settlements are pending, and no money has moved."""
    found, held_by_payee = pending(side), balance(side.market.rpc, side.market.asset, side.market.pay_to)
    if found != count or held_by_payee != before:
        raise BenchFailed(
            f"{found} settlements are pending where {count} should be, and the payee has {held_by_payee - before} more"
        )


@contextmanager
def reading(side: Side) -> Iterator[sqlite3.Connection]:
    """The side's database, to look into."""
    assert isinstance(side.database, Path)
    connection = sqlite3.connect(f"file:{side.database}?mode=ro", uri=True, timeout=10)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def no_blocks(node: str) -> Iterator[None]:
    """The devnet makes no blocks within; afterwards one at once, and one a second."""
    asked(node, "evm_setIntervalMining", 0)
    try:
        yield
    finally:
        asked(node, "evm_setIntervalMining", 1)
        asked(node, "evm_mine")
