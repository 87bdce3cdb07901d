"""Paddock twice, each on a devnet of its own: as it comes, and with much more of something."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx

from scripts.bench import full_call, past
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import Cores, Say, Side
from scripts.bench.ground import FOLDER, paddock, pin
from scripts.bench.results import PADDOCK
from scripts.bench.wire import HOST
from scripts.stack import Files
from server.adapters.clock import SystemClock
from server.adapters.database import SqlDatabase
from server.domain.upstreams import JSON, Upstream, UpstreamState

FEW, LISTED = "few", 10_000
FEW_ORDERS, MANY_ORDERS = 1_000, 100_000
KNOWN_WITHIN = 60.0
"""Seconds."""


@contextmanager
def with_services(say: Say, pinned: Cores | None) -> Iterator[tuple[Side, ...]]:
    """One with what the project sells, and one with LISTED services of providers beside."""
    with ExitStack() as stack:
        sides = twice(stack, say, pinned, f"{LISTED:,} more services", "as it comes")
        say(f"services: {LISTED:,} upstreams")
        asyncio.run(list_upstreams(sides[0]))
        require_known(sides[0])
        yield sides


@contextmanager
def with_past(say: Say, pinned: Cores | None) -> Iterator[tuple[Side, ...]]:
    """One with FEW_ORDERS past orders, and one with MANY_ORDERS."""
    with ExitStack() as stack:
        sides = twice(stack, say, pinned, f"{MANY_ORDERS:,} past orders", f"{FEW_ORDERS:,} past orders")
        for side, count in zip(sides, (MANY_ORDERS, FEW_ORDERS), strict=True):
            asyncio.run(full_call.measure(side))
            say(f"past: {count:,} orders, copied from one")
            assert side.database is not None
            past.fill(side.database, count)
        yield sides


def twice(stack: ExitStack, say: Say, pinned: Cores | None, many: str, few: str) -> tuple[Side, Side]:
    """Two stacks with files, ports and devnets of their own; the one that will have more is Paddock's side."""
    sides, devnets = [], []
    for name, title in ((PADDOCK, many), (FEW, few)):
        side, devnet = paddock(stack, say, Files(FOLDER / f"stack-{name}"), name, title)
        sides.append(side)
        devnets.append(devnet.pid)
    pin(pinned, sides, devnets)
    return sides[0], sides[1]


async def list_upstreams(side: Side) -> None:
    """LISTED services of the merchant on sale, as its provider's program would have listed them; none is called."""
    clock = SystemClock()
    database = SqlDatabase(f"sqlite:///{side.database}", clock)
    try:
        for first in range(0, LISTED, 1000):
            async with database.begin("upstreams listed") as work:
                for number in range(first, first + 1000):
                    await work.upstreams.add(upstream(number, clock))
    finally:
        await database.close()


def upstream(number: int, clock: SystemClock) -> Upstream:
    """One of many that differ by their names."""
    return Upstream(
        slug=f"paddock.listed-{number}",
        merchant="paddock",
        url=f"http://{HOST}:9/{number}",
        method="GET",
        title=f"Listed {number}",
        summary="A service of a provider that is on sale beside many others.",
        kind="data API",
        unit="call",
        amount=1_000,
        arguments=b'{"type":"object"}',
        example=b"{}",
        answers=b'{"type":"object"}',
        media_type=JSON,
        tags=("listed",),
        settles_first=False,
        seconds=10,
        quote_seconds=120,
        secret=f"{number:064x}",
        state=UpstreamState.LISTED,
        version=0,
        at=clock.now(),
        by="bench",
    )


def require_known(side: Side) -> None:
    """Wait until the last of them is on sale. Raises BenchFailed where it isn't."""
    until = time.monotonic() + KNOWN_WITHIN
    url = f"http://{HOST}:{side.port}/v1/paddock.listed-{LISTED - 1}"
    while httpx.get(url, timeout=KNOWN_WITHIN).status_code != 402:
        if time.monotonic() > until:
            raise BenchFailed(f"{side.title}: {url} is not on sale")
        time.sleep(0.2)
