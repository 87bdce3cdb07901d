"""M1: by how much a server's memory grows while it answers a million requests, and sells a thousand."""

import asyncio

import psutil  # type: ignore[import-untyped]

from scripts.bench.buyer import balance, read
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import TARGET, Figure, Side
from scripts.bench.processes import buying
from scripts.bench.results import PADDOCK, Goal, Limit
from scripts.bench.terms_rate import Flood, check
from scripts.bench.wire import Caller, request

PART, PARTS = 100_000, 10
"""402s, by so many and so often: memory is looked at after the first part and after the last."""
BUYERS, EACH = 10, 10
"""Who buys how often after each part."""
LOOK_EVERY = 0.2


async def measure(side: Side) -> float:
    """The server's resident memory after all parts over that after the first. Raises BenchFailed for an answer that
    was not due, and unless every payment is on the payee's account."""
    market, sizes = side.market, []
    before = balance(market.rpc, market.asset, market.pay_to)
    for _ in range(PARTS):
        await answered(side)
        await bought(side)
        sizes.append(resident(side))
    moved = balance(market.rpc, market.asset, market.pay_to) - before
    if moved != PARTS * BUYERS * EACH * market.amount:
        raise BenchFailed(f"{side.title} answered {PARTS * BUYERS * EACH} payments, and {moved} atomic units moved")
    return sizes[-1] / sizes[0]


async def answered(side: Side) -> None:
    """One part's 402s."""
    flood = Flood(request(side.port, TARGET))
    try:
        await flood.open(side.port)
        while flood.count < PART:
            await flood.last_for(LOOK_EVERY)
    finally:
        flood.close()
    check(side, [read(answer, "payment-required", 402) for answer in flood.last.values()])


async def bought(side: Side) -> None:
    """One part's purchases."""
    callers = [await Caller.open(side.port) for _ in range(BUYERS)]
    try:
        await asyncio.gather(*(buying(side, caller, EACH) for caller in callers))
    finally:
        for caller in callers:
            caller.close()


def resident(side: Side) -> int:
    """Bytes of memory that the server process has: the first of a side's."""
    return int(psutil.Process(side.pids[0]).memory_info().rss)


FIGURE = Figure(
    id="M1",
    title=f"a server's memory after {PART * PARTS:,} requests over that after {PART:,}",
    unit="times",
    goal=Goal("≤ 1.1", (Limit(PADDOCK, most=1.1),)),
    does={
        PADDOCK: f"answers {PART * PARTS:,} requests with 402 and a quote each, and after every {PART:,} of them sells "
        f"to {BUYERS} buyers, {EACH} times each, on a devnet that mines at once; SQLite, each commit synced, the "
        "worker beside it, whose memory is not in it."
    },
    measure=measure,
    seconds=3600.0,
    part=3600.0,
    rounds=1,
    asked=True,
)
