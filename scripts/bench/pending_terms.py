"""P9: how long requests without a payment wait for their 402 while a thousand settlements are pending."""

import asyncio
import statistics
import time
from collections.abc import Sequence

from scripts.bench.errors import BenchFailed
from scripts.bench.figure import TARGET, Figure, Side
from scripts.bench.held import held, rested
from scripts.bench.results import PADDOCK, Goal, Limit
from scripts.bench.wire import Caller, request

IDLE, PENDING = "idle", 1000
RATE, SECONDS, CALLERS = 200, 5.0, 20


async def measure(side: Side) -> float:
    """The 99th percentile of a 402, in milliseconds; all but IDLE's with PENDING settlements accepted and not mined."""
    await rested(side)
    if side.name == IDLE:
        return p99(await answered(side)) * 1000
    async with held(side, PENDING):
        return p99(await answered(side)) * 1000


def p99(took: Sequence[float]) -> float:
    """What ninety-nine of a hundred are at most."""
    return statistics.quantiles(took, n=100, method="inclusive")[98]


async def answered(side: Side) -> list[float]:
    """Seconds for each of RATE requests a second. They go out on time however long others take, or count from when they
    should have: one that waits for a busy connection waited.
    """
    callers = [await Caller.open(side.port) for _ in range(CALLERS)]
    began = time.perf_counter() + 0.05
    due = [began + number / RATE for number in range(int(RATE * SECONDS))]
    try:
        took = await asyncio.gather(*(ask(side, caller, due[at::CALLERS]) for at, caller in enumerate(callers)))
    finally:
        for caller in callers:
            caller.close()
    return [seconds for one in took for seconds in one]


async def ask(side: Side, caller: Caller, due: Sequence[float]) -> list[float]:
    """One connection's requests, each in seconds from when it was due. Raises BenchFailed for anything but a 402."""
    took = []
    for moment in due:
        await asyncio.sleep(max(0.0, moment - time.perf_counter()))
        answer = await caller.ask(request(side.port, TARGET))
        took.append(time.perf_counter() - moment)
        if answer.status != 402:
            raise BenchFailed(f"402 was due and {answer.status} came: {answer.body[:300]!r}")
    return took


_TERMS = f"answers {RATE} requests a second for {SECONDS:.0f} s with a quote each, over {CALLERS} connections"
FIGURE = Figure(
    id="P9",
    title=f"402s while {PENDING:,} settlements are pending, p99",
    unit="ms",
    goal=Goal("≤ 2 × idle", (Limit(IDLE, most=2.0),)),
    does={
        PADDOCK: f"{_TERMS}, while {PENDING:,} buyers wait for a chain that makes no block: their payments are "
        "verified, claimed, answered and accepted for settlement. The worker shares the core. Then a block comes each "
        "second, and each payment must be settled and delivered with its receipts.",
        IDLE: f"{_TERMS}; nothing is bought, and the worker, which shares the core, has done what was due.",
    },
    measure=measure,
    others={IDLE: "idle"},
    seconds=180.0,
    part=900.0,
)
