"""P1: how many requests without a payment are answered with 402 and terms, in a second."""

import asyncio
import time

from scripts.bench.buyer import JSON, read
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import TARGET, Figure, Side
from scripts.bench.peers import EXPRESS, HONO, SDK
from scripts.bench.results import PADDOCK, Goal, Limit
from scripts.bench.wire import Answer, Connection, request

CONNECTIONS = 32
WARM_SECONDS, SECONDS = 0.5, 3.0
MOST = 500_000
"""Answers after which a round is ended, whatever the clock says."""


class Flood:
    """Keeps connections busy, each with one request at a time, and counts the answers."""

    def __init__(self, asked: bytes) -> None:
        self._asked = asked
        self._connections: list[Connection] = []
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.count = 0
        self.last: dict[Connection, Answer] = {}

    async def open(self, port: int) -> None:
        """Connect everything and begin."""
        for _ in range(CONNECTIONS):
            self._connections.append(await Connection.open(port, self._answered, self._fail))
        for connection in self._connections:
            connection.send(self._asked)

    async def last_for(self, seconds: float) -> None:
        """Go on for a time. Raises BenchFailed as soon as an answer is not a 402."""
        await asyncio.wait([self.failed], timeout=seconds)
        if self.failed.done():
            self.failed.result()

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def _answered(self, connection: Connection, answer: Answer) -> None:
        if answer.status != 402:
            self._fail(BenchFailed(f"402 was due and {answer.status} came: {answer.body[:300]!r}"))
        elif self.count >= MOST:
            self._fail(BenchFailed(f"more than {MOST} answers in one round"))
        else:
            self.count += 1
            self.last[connection] = answer
            connection.send(self._asked)

    def _fail(self, error: BenchFailed) -> None:
        if not self.failed.done():
            self.failed.set_exception(error)


async def measure(side: Side) -> float:
    """402s in a second, after a short time for warming up."""
    flood = Flood(request(side.port, TARGET))
    try:
        await flood.open(side.port)
        await flood.last_for(WARM_SECONDS)
        before, began, busy = flood.count, time.perf_counter(), time.process_time()
        await flood.last_for(SECONDS)
        count, took, worked = flood.count - before, time.perf_counter() - began, time.process_time() - busy
    finally:
        flood.close()
    if worked > 0.9 * took:
        raise BenchFailed(
            f"the load generator was busy for {worked / took:.0%} of the time: it was measured, not {side.title}"
        )
    check(side, [read(answer, "payment-required", 402) for answer in flood.last.values()])
    return count / took


def check(side: Side, terms: list[JSON]) -> None:
    """Raises BenchFailed unless the terms are for this sale and, where that is claimed, each has a quote of its own."""
    quotes = set()
    for entry in (one["accepts"][0] for one in terms):
        wanted = (str(side.market.amount), side.market.asset.lower(), side.market.pay_to.lower())
        if (entry["amount"], entry["asset"].lower(), entry["payTo"].lower()) != wanted:
            raise BenchFailed(f"{side.title} asks for something else: {entry}")
        quotes.add(entry["extra"].get("quote"))
    if side.quotes and (None in quotes or len(quotes) != len(terms)):
        raise BenchFailed(f"{side.title} gave {len(terms)} answers with {len(quotes)} quotes")


_SDK_DOES = (
    "builds the terms for each request, the same for all: no quote, no argument check, v2 terms in the header and an "
    "empty body, no metrics, no worker. Stores nothing, asks no chain."
)
FIGURE = Figure(
    id="P1",
    title="402s",
    unit="per second",
    goal=Goal("≥ 3 × Python SDK and ≥ Hono", (Limit(SDK, least=3.0), Limit(HONO, least=1.0))),
    does={
        PADDOCK: "checks the argument, signs a quote for this very request, v2 terms in the header and v1 terms in "
        "the body, counts it for Prometheus; the worker shares the core. Stores nothing, asks no chain.",
        SDK: f"FastAPI: {_SDK_DOES}",
        HONO: f"Hono: {_SDK_DOES}",
        EXPRESS: f"Express: {_SDK_DOES}",
    },
    measure=measure,
)
