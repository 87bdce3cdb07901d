"""P8: how many payments a client authorises in a second, from terms to signature, its own decision included."""

import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scripts.accounts import account
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import TARGET, Figure, Side
from scripts.bench.ground import FOLDER
from scripts.bench.peers import SDK
from scripts.bench.results import PADDOCK, Goal, Limit
from scripts.bench.told import told
from scripts.bench.wire import HOST, Caller, request

WARM, COUNT = 20, 120
MEMORY = Path("/dev/shm")
PAYER = account("foreign_buyer")
CLIENTS = {
    PADDOCK: (sys.executable, "-m", "scripts.bench.agent_signer"),
    SDK: (str(FOLDER / "python-sdk" / "bin" / "python"), "-m", "scripts.bench.sdk_signer"),
}
"""What signs for each side: a process of its own on the side's core, in the side's environment."""


def measured_in(place: Callable[[], AbstractContextManager[str]]) -> Callable[[Side], Awaitable[float]]:
    """The measure of a client that keeps what it has to keep in such a folder."""

    async def measure(side: Side) -> float:
        terms = await quoted(side)
        with place() as home:
            given = {"key": PAYER.key.hex(), "home": home, "warm": WARM, "terms": terms}
            given |= {"origin": f"http://{HOST}:{side.port}", "market": asdict(side.market)}
            answer = await told(side, CLIENTS[side.name], given)
        check(side, answer["payloads"])
        return COUNT / float(answer["seconds"])

    return measure


async def quoted(side: Side) -> list[tuple[str, str]]:
    """Requests that differ, each with the terms that the side's own server has for it."""
    caller, found = await Caller.open(side.port), []
    try:
        for number in range(WARM + COUNT):
            target = f"{TARGET}&window={5 + number}"
            answer = await caller.ask(request(side.port, target))
            if answer.status != 402:
                raise BenchFailed(f"402 was due and {answer.status} came: {answer.body[:300]!r}")
            found.append((target, answer.header("payment-required").decode()))
    finally:
        caller.close()
    return found


def check(side: Side, payloads: list[dict[str, Any]]) -> None:
    """Raises BenchFailed unless each is an authorization of its own for exactly what is asked."""
    market = side.market
    wanted = (str(market.amount), market.pay_to.lower(), PAYER.address.lower())
    nonces = set()
    for made in (payload["authorization"] for payload in payloads):
        if (made["value"], made["to"].lower(), made["from"].lower()) != wanted:
            raise BenchFailed(f"{side.title}'s client signed something else: {made}")
        nonces.add(made["nonce"])
    if len(nonces) != WARM + COUNT:
        raise BenchFailed(f"{side.title}'s client signed {len(nonces)} nonces for {WARM + COUNT} terms")


_SDK_DOES = "builds and signs the payload (coincurve installed); keeps nothing, decides nothing."
_AGENT_DOES = (
    "reads the 402; judges origin, route, payee, asset, price and its memory of it, budgets of call, task, session and "
    "day; sets the money aside; signs; checks the signature; stores the signed bytes. SQLite, "
)
ON_DISK = Figure(
    id="P8",
    title="payments authorised, with holds that survive a crash",
    unit="per second",
    goal=Goal("≥ 1 × Python SDK's signer", (Limit(SDK, least=1.0),)),
    does={PADDOCK: _AGENT_DOES + "two commits synced to disk.", SDK: _SDK_DOES},
    measure=measured_in(lambda: tempfile.TemporaryDirectory(dir=FOLDER)),
)
IN_MEMORY = Figure(
    id="P8M",
    title="payments authorised, the agent's home in memory",
    unit="per second",
    goal=Goal("≥ 5 × Python SDK's signer", (Limit(SDK, least=5.0),)),
    does={PADDOCK: _AGENT_DOES + "the file in memory.", SDK: _SDK_DOES},
    measure=measured_in(lambda: tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)),
)
