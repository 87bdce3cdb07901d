"""P6, its sequential part: how long one whole purchase takes on a devnet that mines at once, the client included."""

import statistics
import time

from scripts.accounts import account
from scripts.bench.buyer import JSON, balance, payment, read
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import TARGET, Figure, Side
from scripts.bench.peers import EXPRESS, HONO, SDK
from scripts.bench.results import PADDOCK, Goal, Limit
from scripts.bench.wire import Caller, request

WARM_CALLS, CALLS = 3, 25
RECEIPTS = {"offer-receipt", "paddock-receipt"}
PAYER = account("foreign_buyer")


async def measure(side: Side) -> float:
    """The median in milliseconds of calls one after the other: request, 402, signature, paid request, 200."""
    market, caller = side.market, await Caller.open(side.port)
    before = balance(market.rpc, market.asset, market.pay_to)
    try:
        took = [await call(side, caller) for _ in range(WARM_CALLS + CALLS)]
    finally:
        caller.close()
    moved = balance(market.rpc, market.asset, market.pay_to) - before
    if moved != len(took) * market.amount:
        raise BenchFailed(f"{side.title} answered {len(took)} payments, and {moved} atomic units moved")
    return statistics.median(took[WARM_CALLS:]) * 1000


async def call(side: Side, caller: Caller) -> float:
    """One purchase, in seconds. Raises BenchFailed unless it was settled, and a receipt came where one is promised."""
    began = time.perf_counter()
    required = read(await caller.ask(request(side.port, TARGET)), "payment-required", 402)
    header = payment(PAYER, required)
    answer = await caller.ask(request(side.port, TARGET, PAYMENT_SIGNATURE=header))
    took = time.perf_counter() - began
    settled = read(answer, "payment-response", 200)
    check(side, settled)
    return took


def check(side: Side, settled: JSON) -> None:
    """Raises BenchFailed unless a settlement names its chain transaction, and has the receipts that are promised."""
    if not settled.get("success") or not settled.get("transaction"):
        raise BenchFailed(f"{side.title} answered without a settlement: {settled}")
    if side.receipts and not RECEIPTS.issubset(settled.get("extensions") or {}):
        raise BenchFailed(f"{side.title} answered without its receipts")


TYPESCRIPT_SETTLES = (
    "verifies by simulation, answers a constant, settles (facilitator in the server, a local nonce, a look at the "
    "chain every 10 ms): no quote, no claim, no ledger, no receipt, no database, no worker."
)
FIGURE = Figure(
    id="P6",
    title="a full call in sequence, p50 (instant devnet)",
    unit="ms",
    goal=Goal("≤ 0.35 × TypeScript", (Limit(HONO, most=0.35), Limit(EXPRESS, most=0.35))),
    does={
        PADDOCK: "checks the quote, verifies, claims, computes the answer, settles (facilitator in the server), "
        "reads the Transfer, books it, signs two receipts; SQLite, each commit synced to disk; a worker beside it.",
        SDK: "verifies by simulation, answers a constant, settles (facilitator in the server, coincurve "
        "installed): no quote, no claim, no ledger, no receipt, no database, no worker.",
        HONO: f"Hono: {TYPESCRIPT_SETTLES}",
        EXPRESS: f"Express: {TYPESCRIPT_SETTLES}",
    },
    measure=measure,
    part=200.0,
)
