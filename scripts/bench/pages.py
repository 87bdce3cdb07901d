"""P12: what the pages of listings and orders take with ten thousand services and a million orders, beside a hundred."""

import json
import statistics
import time
from collections.abc import Awaitable, Callable

import httpx

from scripts.bench import grown
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import Figure, Side
from scripts.bench.grown import FEW, LISTED, PAST
from scripts.bench.results import PADDOCK, Goal, Limit
from scripts.bench.wire import HOST
from scripts.stack import Files

WARM, ASKED = 10, 50
AT_MOST = 30.0
"""Seconds for one page."""


def signed_in(side: Side) -> httpx.AsyncClient:
    """The operator at the console, by the link that `make up` gives. Raises BenchFailed where it does not open."""
    assert side.database is not None
    console = json.loads(Files(side.database.parent).stack.read_text())["console"]
    base = f"http://{HOST}:{side.port}"
    entered = httpx.get(f"{base}/console/enter", params={"token": console["token"]}, timeout=AT_MOST)
    if entered.status_code != httpx.codes.SEE_OTHER:
        raise BenchFailed(f"the console does not open: {entered.status_code}")
    return httpx.AsyncClient(base_url=base, cookies=entered.cookies, timeout=AT_MOST, headers={"accept": "text/html"})


def of(target: str, holds: str) -> Callable[[Side], Awaitable[float]]:
    """The median in milliseconds of one page after the other. Raises BenchFailed for one without what it is to show."""

    async def measure(side: Side) -> float:
        took = []
        async with signed_in(side) as client:
            for _ in range(WARM + ASKED):
                began = time.perf_counter()
                answer = await client.get(target)
                took.append(time.perf_counter() - began)
                if answer.status_code != httpx.codes.OK or holds not in answer.text:
                    raise BenchFailed(f"{target} is {answer.status_code} and does not hold {holds!r}")
        return statistics.median(took[WARM:]) * 1000

    return measure


def _figure(letter: str, title: str, target: str, holds: str) -> Figure:
    return Figure(
        id=f"P12{letter}",
        title=f"{title}, as services and orders grow, p50",
        unit="ms",
        goal=Goal("≤ 2 × a hundred", (Limit(FEW, most=2.0),)),
        does={
            PADDOCK: f"GET {target}, one after the other, with {LISTED:,} services and {PAST:,} orders besides, and "
            "the worker beside it.",
            FEW: "the same with a hundred of each.",
        },
        measure=of(target, holds),
        seconds=(WARM + ASKED) * AT_MOST,
        part=1800.0,
        ground=grown.with_both,
        asked=True,
    )


ALL = (
    _figure("L", "the storefront", "/", "Listed"),
    _figure("F", "the storefront's search for what all have", "/?q=provider+sale", "Listed"),
    _figure("S", "the search for agents", "/discovery/search?query=provider+on+sale", "listed-"),
    _figure("O", "the list of orders", "/console/orders", "/console/orders/"),
    _figure("V", "the overview", "/console?range=30d", "/console/orders/"),
)
