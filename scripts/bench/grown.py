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
HUNDRED, PAST = 100, 1_000_000
AT_ONCE, HOURS_AT_ONCE = 1000, 20
"""Services, and hours, in one transaction."""
KNOWN_WITHIN = 60.0
"""Seconds."""


@contextmanager
def with_services(say: Say, pinned: Cores | None) -> Iterator[tuple[Side, ...]]:
    """One with what the project sells, and one with LISTED services of providers beside."""
    with ExitStack() as stack:
        sides = twice(stack, say, pinned, f"{LISTED:,} more services", "as it comes")
        say(f"services: {LISTED:,} upstreams")
        list_services(sides[0], LISTED)
        yield sides


@contextmanager
def with_past(say: Say, pinned: Cores | None) -> Iterator[tuple[Side, ...]]:
    """One with FEW_ORDERS past orders, and one with MANY_ORDERS."""
    with ExitStack() as stack:
        sides = twice(stack, say, pinned, f"{MANY_ORDERS:,} past orders", f"{FEW_ORDERS:,} past orders")
        for side, count in zip(sides, (MANY_ORDERS, FEW_ORDERS), strict=True):
            fill_past(side, count, say)
        yield sides


@contextmanager
def with_both(say: Say, pinned: Cores | None) -> Iterator[tuple[Side, ...]]:
    """One with LISTED services and PAST orders besides, and one with a HUNDRED of each."""
    with ExitStack() as stack:
        sides = twice(stack, say, pinned, f"{LISTED:,} services, {PAST:,} orders", f"{HUNDRED} of each")
        for side, services, orders in zip(sides, (LISTED, HUNDRED), (PAST, HUNDRED), strict=True):
            fill_past(side, orders, say)
            asyncio.run(sum_up(side))
            say(f"services: {services:,} upstreams")
            list_services(side, services)
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


def fill_past(side: Side, count: int, say: Say) -> None:
    """So many past orders, once one was bought that they are copies of."""
    asyncio.run(full_call.measure(side))
    require_over(side)
    say(f"past: {count:,} orders, copied from one")
    assert side.database is not None
    past.fill(side.database, count)


def require_over(side: Side) -> None:
    """Wait until nothing is left to do with a purchase; of copies of any other the worker would do the rest.

    Raises BenchFailed where that does not come.
    """
    assert side.database is not None
    until = time.monotonic() + KNOWN_WITHIN
    while not past.is_over(side.database):
        if time.monotonic() > until:
            raise BenchFailed(f"{side.title}: no purchase was final and proven within {KNOWN_WITHIN:.0f} s")
        time.sleep(0.2)


async def sum_up(side: Side) -> None:
    """Close the hours of the past, as the worker does within some minutes."""
    clock = SystemClock()
    database = SqlDatabase(f"sqlite:///{side.database}", clock)
    try:
        while True:
            async with database.survey() as view:
                hours = await view.tallies.to_close(clock.now(), HOURS_AT_ONCE)
            if not hours:
                break
            async with database.begin("hours closed") as work:
                await work.tallies.close(hours)
    finally:
        await database.close()


def list_services(side: Side, count: int) -> None:
    """So many of providers on sale, once the server knows the last of them."""
    asyncio.run(list_upstreams(side, count))
    require_known(side, count)


async def list_upstreams(side: Side, count: int) -> None:
    """Services of the merchant on sale, as its provider's program would have listed them; none is called."""
    clock = SystemClock()
    database = SqlDatabase(f"sqlite:///{side.database}", clock)
    try:
        for first in range(0, count, AT_ONCE):
            async with database.begin("upstreams listed") as work:
                for number in range(first, min(first + AT_ONCE, count)):
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


def require_known(side: Side, count: int) -> None:
    """Wait until the last of them is on sale. Raises BenchFailed where it isn't."""
    until = time.monotonic() + KNOWN_WITHIN
    url = f"http://{HOST}:{side.port}/v1/paddock.listed-{count - 1}"
    while httpx.get(url, timeout=KNOWN_WITHIN).status_code != 402:
        if time.monotonic() > until:
            raise BenchFailed(f"{side.title}: {url} is not on sale")
        time.sleep(0.2)
