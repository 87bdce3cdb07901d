"""P2 and P4: how many paid requests are answered in a second on a chain that is a stub; and over what nobody keeps."""

import asyncio
import time
from collections.abc import Sequence

import asyncpg

from scripts.bench import full_call, stubbed
from scripts.bench.buyer import balance, payment, read
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import TARGET, Figure, Side
from scripts.bench.full_call import PAYER
from scripts.bench.peers import EXPRESS, HONO, SDK
from scripts.bench.processes import worked
from scripts.bench.results import PADDOCK, Goal, Limit
from scripts.bench.stubbed import FORGETFUL
from scripts.bench.wire import Caller, request

CONNECTIONS, SECONDS, WARM_SECONDS = 32, 8.0, 2.0
SIGNED = 1_600
"""Payments that are signed before the clock runs; a side that is faster than that is measured until they are spent."""
BUSY = 0.9
ROWS = (
    "SELECT count(*) FROM orders WHERE payment = 'settled' AND fulfilment = 'released'",
    "SELECT count(DISTINCT order_id) FROM ledger_entries",
    "SELECT count(DISTINCT order_id) FROM receipts",
)
"""What each purchase must have left: a delivered order, entries in the ledger, receipts."""


async def measure(side: Side) -> float:
    """Answers with a settlement in a second. Raises BenchFailed for any other answer, unless every payment is on the
    payee's account and has its rows, and where the core beside the side's had too much to do."""
    market, callers = side.market, [await Caller.open(side.port) for _ in range(CONNECTIONS)]
    try:
        headers = await signed(side, callers)
        before, rows = balance(market.rpc, market.asset, market.pay_to), await counted(side)
        began, busy = time.perf_counter(), loaded(side)
        until = began + WARM_SECONDS + SECONDS
        answered = await asyncio.gather(*(paying(side, caller, headers, until) for caller in callers))
        took, share = time.perf_counter() - began, loaded(side) - busy
    finally:
        for caller in callers:
            caller.close()
    ends = [moment - began for moments in answered for moment in moments]
    moved = balance(market.rpc, market.asset, market.pay_to) - before
    if moved != len(ends) * market.amount:
        raise BenchFailed(f"{side.title} answered {len(ends)} payments, and {moved} atomic units moved")
    left = [after - one for one, after in zip(rows, await counted(side), strict=True)]
    if set(left) - {len(ends)}:
        raise BenchFailed(f"{side.title} answered {len(ends)} payments, and its database has {left} more rows")
    if share > BUSY * took:
        raise BenchFailed(f"buyers, stub and database were busy for {share / took:.0%} of the time: they were measured")
    return rate(ends, exhausted=not headers)


def rate(ends: Sequence[float], *, exhausted: bool) -> float:
    """Answers in a second, after the warm-up and before the end: of the time, or of the payments."""
    last = min(WARM_SECONDS + SECONDS, max(ends)) if exhausted else WARM_SECONDS + SECONDS
    counted = sum(1 for moment in ends if WARM_SECONDS < moment <= last)
    if not counted:
        raise BenchFailed(f"{len(ends)} payments were answered, none of them after the warm-up and before the end")
    return counted / (last - WARM_SECONDS)


async def signed(side: Side, callers: Sequence[Caller]) -> list[str]:
    """SIGNED headers, each of which pays for terms of its own."""

    async def sign(caller: Caller) -> list[str]:
        asked, made = request(side.port, TARGET), []
        for _ in range(SIGNED // len(callers)):
            made.append(payment(PAYER, read(await caller.ask(asked), "payment-required", 402)))
        return made

    return [header for made in await asyncio.gather(*map(sign, callers)) for header in made]


async def paying(side: Side, caller: Caller, headers: list[str], until: float) -> list[float]:
    """One connection's purchases, one after the other: when each was answered. The last begins before the end."""
    answered = []
    while headers and time.perf_counter() < until:
        answer = await caller.ask(request(side.port, TARGET, PAYMENT_SIGNATURE=headers.pop()))
        full_call.check(side, read(answer, "payment-response", 200))
        answered.append(time.perf_counter())
    return answered


def loaded(side: Side) -> float:
    """Seconds of processor time of ourselves and of what is beside the side; the side itself is a child of ours too."""
    return time.process_time() + worked(side.beside)


async def counted(side: Side) -> list[int]:
    """How many purchases have left each of ROWS; nothing where there is no database."""
    if side.postgres is None:
        return []
    connection = await asyncpg.connect(side.postgres)
    try:
        return [int(await connection.fetchval(query)) for query in ROWS]
    finally:
        await connection.close()


STUBBED = (
    f" {CONNECTIONS} connections, each request with a payment of its own, signed before. The chain is a process of its "
    "own that executes nothing and answers JSON-RPC at once, the same for all."
)
_PADDOCK = (
    "checks the quote, verifies, claims, computes the answer, settles in batches (facilitator in the server), reads "
    "the Transfer and the balances, books it, signs two receipts; a worker on the server's core, PostgreSQL beside the "
    "load, "
)
_KEPT = _PADDOCK + "each commit synced."
FIGURE = Figure(
    id="P2",
    title=f"paid requests, {CONNECTIONS} connections (chain stubbed)",
    unit="per second",
    goal=Goal(
        "≥ 5 × Python SDK and ≥ 12 × TypeScript",
        (Limit(SDK, least=5.0), Limit(HONO, least=12.0), Limit(EXPRESS, least=12.0)),
    ),
    does={PADDOCK: _KEPT + STUBBED, **{name: full_call.FIGURE.does[name] + STUBBED for name in (SDK, HONO, EXPRESS)}},
    measure=measure,
    seconds=90.0,
    part=450.0,
    ground=stubbed.with_peers,
)
DURABLE = Figure(
    id="P4",
    title=f"paid requests, {CONNECTIONS} connections (chain stubbed), durable over not",
    unit="per second",
    goal=Goal("≥ 0.70 × nothing durable", (Limit(FORGETFUL, least=0.7),)),
    does={
        PADDOCK: _KEPT + STUBBED,
        FORGETFUL: f"{_PADDOCK}with its files in memory and without fsync, synchronous commits, whole pages or more "
        f"than the least in its log. The same code and the same statements.{STUBBED}",
    },
    measure=measure,
    seconds=90.0,
    part=300.0,
    ground=stubbed.kept_and_not,
)
