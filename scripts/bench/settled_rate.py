"""P5: how many purchases are settled in a second by buyers at once, on a devnet that mines at once."""

import asyncio
import time

from scripts.bench import full_call
from scripts.bench.buyer import balance, payment, read
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import TARGET, Figure, Side
from scripts.bench.full_call import PAYER
from scripts.bench.peers import EXPRESS, HONO, SDK
from scripts.bench.results import Goal, Limit
from scripts.bench.wire import Caller, request

BUYERS, SECONDS, WARM_SECONDS = 32, 4.0, 1.0
BUSY = 0.9


async def measure(side: Side) -> float:
    """Answers with a settlement in a second. Raises BenchFailed for any other answer to a payment, and unless the
    payee has every payment afterwards."""
    market, callers = side.market, [await Caller.open(side.port) for _ in range(BUYERS)]
    before = balance(market.rpc, market.asset, market.pay_to)
    began, busy = time.perf_counter(), time.process_time()
    try:
        bought = await asyncio.gather(*(buying(side, caller, began + WARM_SECONDS + SECONDS) for caller in callers))
    finally:
        for caller in callers:
            caller.close()
    took, worked = time.perf_counter() - began, time.process_time() - busy
    ends = [moment for moments in bought for moment in moments]
    moved = balance(market.rpc, market.asset, market.pay_to) - before
    if moved != len(ends) * market.amount:
        raise BenchFailed(f"{side.title} answered {len(ends)} payments, and {moved} atomic units moved")
    if worked > BUSY * took:
        raise BenchFailed(f"the buyers were busy for {worked / took:.0%} of the time: they were measured")
    return sum(1 for moment in ends if WARM_SECONDS < moment - began <= WARM_SECONDS + SECONDS) / SECONDS


async def buying(side: Side, caller: Caller, until: float) -> list[float]:
    """One buyer's purchases, one after the other: when each was answered. The last begins before the end."""
    answered = []
    while time.perf_counter() < until:
        required = read(await caller.ask(request(side.port, TARGET)), "payment-required", 402)
        header = payment(PAYER, required)
        answer = await caller.ask(request(side.port, TARGET, PAYMENT_SIGNATURE=header))
        full_call.check(side, read(answer, "payment-response", 200))
        answered.append(time.perf_counter())
    return answered


FIGURE = Figure(
    id="P5",
    title=f"settled purchases, {BUYERS} buyers (instant devnet)",
    unit="per second",
    goal=Goal(
        "≥ 10 × TypeScript and ≥ 40 × Python SDK",
        (Limit(HONO, least=10.0), Limit(EXPRESS, least=10.0), Limit(SDK, least=40.0)),
    ),
    does=full_call.FIGURE.does,
    measure=measure,
    part=300.0,
)
