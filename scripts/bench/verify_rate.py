"""P3: how many payments are verified in a second, over how many signatures are recovered in the same process."""

import asyncio
import json
import os
import sys

from scripts.bench.buyer import read
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import TARGET, Figure, Side
from scripts.bench.results import PADDOCK, Goal, Limit
from scripts.bench.wire import Caller, request
from scripts.stack import TOP

RECOVER = "recover"


async def measure(side: Side) -> float:
    """Payments for terms of Paddock's own, by its own code, in a process on its core."""
    caller = await Caller.open(side.port)
    try:
        required = read(await caller.ask(request(side.port, TARGET)), "payment-required", 402)
    finally:
        caller.close()
    core = min(os.sched_getaffinity(side.pids[0])) if hasattr(os, "sched_getaffinity") else None
    given = {"core": core, "required": required, "work": RECOVER if side.name == RECOVER else "verify"}
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "scripts.bench.verifier")
    process = await asyncio.create_subprocess_exec(*command, cwd=TOP, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        out, error = await process.communicate(json.dumps(given).encode())
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise BenchFailed(f"{side.title} failed: {error.decode(errors='replace')[-1500:]}")
    return float(out)


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
