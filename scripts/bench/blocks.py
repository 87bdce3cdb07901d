"""P6, its other part: how long a thousand buyers at once wait for their answers, on a devnet with a block a second."""

import asyncio
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from scripts.bench.buyer import balance
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import Cores, Figure, Say, Side
from scripts.bench.ground import FOLDER, paddock, pin
from scripts.bench.held import PER_PAYER, funded, paid, rested, signed
from scripts.bench.pending_terms import p99
from scripts.bench.results import PADDOCK, Goal, Limit
from scripts.stack import Files, Stack

CONNECTIONS = 1000
BLOCK = 1.0
"""Seconds."""


class Roomy(Stack):
    """A stack whose one service may answer CONNECTIONS requests at once: by itself it refuses beyond 64."""

    def _settings(self) -> dict[str, str]:
        return super()._settings() | {"PADDOCK_ROUTE_RUNS": str(CONNECTIONS)}


@contextmanager
def by_the_second(say: Say, pinned: Cores | None) -> Iterator[tuple[Side, ...]]:
    """Such a stack, on a devnet that mines once a second and at no other time as soon as its payers have money."""
    with ExitStack() as stack:
        side, devnet = paddock(stack, say, Files(FOLDER / "stack"), kind=Roomy)
        pin(pinned, [side], [devnet.pid])
        yield (side,)


async def purchases(side: Side) -> list[float]:
    """Block intervals from payment to answer, of one purchase on each of CONNECTIONS at once. Raises BenchFailed unless
    each is settled and on the payee's account.
    """
    await rested(side)
    market, payers = side.market, funded(side, CONNECTIONS)
    before = balance(market.rpc, market.asset, market.pay_to)
    headers = [await signed(side, payers[number // PER_PAYER]) for number in range(CONNECTIONS)]
    took = await asyncio.gather(*(paid(side, header) for header in headers))
    moved = balance(market.rpc, market.asset, market.pay_to) - before
    if moved != CONNECTIONS * market.amount:
        raise BenchFailed(f"{side.title} answered {CONNECTIONS} payments, and {moved} atomic units moved")
    return [seconds / BLOCK for seconds in took]


class Shared:
    """Two figures of the same rounds: the second takes what the first left, and measures where there is none."""

    def __init__(self) -> None:
        self._left: list[list[float]] = []

    async def p50(self, side: Side) -> float:
        """The middle of a round."""
        self._left.append(took := await purchases(side))
        return statistics.median(took)

    async def p99(self, side: Side) -> float:
        """What ninety-nine of a hundred are at most, of a round that `p50` has measured or of a new one."""
        return p99(self._left.pop(0) if self._left else await purchases(side))


_SHARED = Shared()
_DOES = {
    PADDOCK: f"{CONNECTIONS:,} payments, signed before, are sent at once, each on a connection of its own; the time is "
    "from there to the answer with receipts. Who is told to come again does, and "
    "its time goes on. SQLite, each commit synced, the worker beside it; PADDOCK_ROUTE_RUNS is raised to "
    f"{CONNECTIONS:,} from 64, and {PER_PAYER} buyers share a payer."
}
MEDIAN = Figure(
    id="P6B",
    title=f"from payment to answer, {CONNECTIONS:,} connections, 1 s blocks, p50",
    unit="blocks",
    goal=Goal("≤ 1.05 blocks", (Limit(PADDOCK, most=1.05),)),
    does=_DOES,
    measure=_SHARED.p50,
    seconds=180.0,
    part=900.0,
    ground=by_the_second,
)
TAIL = Figure(
    id="P6T",
    title="the same, p99",
    unit="blocks",
    goal=Goal("≤ 1.25 blocks", (Limit(PADDOCK, most=1.25),)),
    does=_DOES,
    measure=_SHARED.p99,
    seconds=180.0,
    part=900.0,
    ground=by_the_second,
)
