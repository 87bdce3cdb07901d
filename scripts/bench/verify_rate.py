"""P3: how many payments are verified in a second, over how many signatures are recovered by the same library."""

import sys

from scripts.bench.buyer import read
from scripts.bench.figure import TARGET, Figure, Side
from scripts.bench.results import PADDOCK, Goal, Limit
from scripts.bench.told import told
from scripts.bench.wire import Caller, request

RECOVER = "recover"


async def measure(side: Side) -> float:
    """Payments for terms of Paddock's own, by its own code, in a process on its core."""
    caller = await Caller.open(side.port)
    try:
        required = read(await caller.ask(request(side.port, TARGET)), "payment-required", 402)
    finally:
        caller.close()
    work = RECOVER if side.name == RECOVER else "verify"
    command = (sys.executable, "-m", "scripts.bench.verifier")
    return float(await told(side, command, {"required": required, "work": work}))


FIGURE = Figure(
    id="P3",
    title="payments verified, without a chain",
    unit="per second",
    goal=Goal("≥ 0.75 × bare recover", (Limit(RECOVER, least=0.75),)),
    does={
        PADDOCK: "reads the header, its terms and the payment, checks amount, payee, times and the signature.",
        RECOVER: "recovers the address from digests and signatures that were read before (coincurve).",
    },
    measure=measure,
    others={RECOVER: "bare recover"},
)
