"""P10: what a purchase, and a 402, cost as there is more on sale, more behind, and one more process."""

import statistics
import time

from scripts.bench import full_call, grown
from scripts.bench.buyer import read
from scripts.bench.figure import TARGET, Figure, Side
from scripts.bench.grown import FEW, FEW_ORDERS, LISTED, MANY_ORDERS
from scripts.bench.results import PADDOCK, Goal, Limit
from scripts.bench.wire import Caller, request

WARM, ASKED = 100, 1000


async def of_terms(side: Side) -> float:
    """The median in milliseconds of 402s one after the other."""
    caller, took = await Caller.open(side.port), []
    asked = request(side.port, TARGET)
    try:
        for _ in range(WARM + ASKED):
            began = time.perf_counter()
            answer = await caller.ask(asked)
            took.append(time.perf_counter() - began)
        read(answer, "payment-required", 402)
    finally:
        caller.close()
    return statistics.median(took[WARM:]) * 1000


_GOAL = Goal("≤ 1.2 × few", (Limit(FEW, most=1.2),))
_PURCHASE = "one purchase after the other as in P6, on SQLite, the worker beside it; "
_SERVICES = {
    PADDOCK: f"with {LISTED:,} services of providers on sale beside what the project sells. Listings and search, which "
    "show them all, are not in it.",
    FEW: "with what the project sells.",
}
SERVICES = Figure(
    id="P10S",
    title="a purchase, as services grow, p50",
    unit="ms",
    goal=_GOAL,
    does={name: _PURCHASE + text for name, text in _SERVICES.items()},
    measure=full_call.measure,
    seconds=60.0,
    part=300.0,
    ground=grown.with_services,
)
TERMS = Figure(
    id="P10T",
    title="a 402, as services grow, p50",
    unit="ms",
    goal=_GOAL,
    does={name: "one 402 after the other, " + text for name, text in _SERVICES.items()},
    measure=of_terms,
    ground=grown.with_services,
)
_PAST = (
    "past orders: copies of a purchase's rows in nine tables, over sixty days; without answers, which are kept for a "
    "day, and without the chain of receipts and its anchors."
)
ORDERS = Figure(
    id="P10O",
    title="a purchase, as past orders grow, p50",
    unit="ms",
    goal=_GOAL,
    does={PADDOCK: f"{_PURCHASE}with {MANY_ORDERS:,} {_PAST}", FEW: f"{_PURCHASE}with {FEW_ORDERS:,} {_PAST}"},
    measure=full_call.measure,
    seconds=60.0,
    part=300.0,
    ground=grown.with_past,
)
