"""P10's processes: the processor time of a payment with one server process, and with two."""

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import psutil  # type: ignore[import-untyped]

from scripts import children
from scripts.bench import full_call, machine
from scripts.bench.buyer import balance, payment, read
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import TARGET, Cores, Figure, Say, Side
from scripts.bench.ground import FOLDER, paddock, pin
from scripts.bench.held import AGAIN, pause
from scripts.bench.results import PADDOCK, Goal, Limit
from scripts.bench.wire import HOST, Caller, request
from scripts.postgres import ROOM, run_postgres
from scripts.stack import PORT, READY_WITHIN, Files, Stack, http_ok

ONE = "one"
BUYERS, EACH, WARM = 16, 12, 2


class OnPostgres(Stack):
    """A stack on PostgreSQL, with a second server process at `second` where there is one; both are one origin."""

    def __init__(self, *given: Any, url: str, second: int | None, **named: Any) -> None:
        super().__init__(*given, **named)
        self._database_url, self._second = url, second

    def _settings(self) -> dict[str, str]:
        origin = {"PADDOCK_ORIGINS": f"http://{HOST}:{self.port}"}
        return super()._settings() | {"PADDOCK_DATABASE_URL": self._database_url} | origin

    def _server(self) -> Callable[[], None]:
        first = super()._server()
        if self._second is None:
            return first
        own, self._environ = self._environ, self._environ | {PORT: str(self._second)}
        command = [sys.executable, "-m", "server.cli", "serve"]
        ready = f"http://{HOST}:{self._second}/health/live"
        second = self._run("server-2", command, "server.cli", lambda: http_ok(ready), READY_WITHIN)
        self._environ = own

        def healthy() -> None:
            first()
            second()

        return healthy


@contextmanager
def on_postgres(say: Say, pinned: Cores | None) -> Iterator[tuple[Side, ...]]:
    """Stacks of two server processes and of one, each with its own database on one PostgreSQL server, and devnet."""
    with ExitStack() as stack:
        say("database: PostgreSQL, each commit synced")
        server = stack.enter_context(run_postgres(ROOM))
        sides, devnets = [], []
        for name, title, second in ((PADDOCK, "two servers", children.free_port()), (ONE, "one server", None)):
            kind = partial(OnPostgres, url=server.url(server.create()), second=second)
            side, devnet = paddock(stack, say, Files(FOLDER / f"stack-{name}"), name, title, kind)
            more = (second,) if second else ()
            sides.append(replace(side, database=None, more=more, beside=(server.pid,)))
            devnets.append(devnet.pid)
        pin(pinned, sides, [*devnets, server.pid])
        yield tuple(sides)


async def measure(side: Side) -> float:
    """Milliseconds of processor time for each payment, of servers, worker and database. Raises BenchFailed unless each
    is settled, answered, and on the payee's account, and each server holds its port.
    """
    market, ports = side.market, (side.port, *side.more)
    for pid, port in zip(listening(side), ports, strict=True):
        machine.require_holder(pid, port)
    before = balance(market.rpc, market.asset, market.pay_to)
    callers = [await Caller.open(ports[number % len(ports)]) for number in range(BUYERS)]
    try:
        await asyncio.gather(*(buying(side, caller, WARM) for caller in callers))
        began = worked((*side.pids, *side.beside))
        await asyncio.gather(*(buying(side, caller, EACH) for caller in callers))
        took = worked((*side.pids, *side.beside)) - began
    finally:
        for caller in callers:
            caller.close()
    moved = balance(market.rpc, market.asset, market.pay_to) - before
    if moved != BUYERS * (WARM + EACH) * market.amount:
        raise BenchFailed(f"{side.title} answered {BUYERS * (WARM + EACH)} payments, and {moved} atomic units moved")
    return took / (BUYERS * EACH) * 1000


def listening(side: Side) -> tuple[int, ...]:
    """The server processes: those before the worker, in the order of their start."""
    return side.pids[: 1 + len(side.more)]


async def buying(side: Side, caller: Caller, count: int) -> None:
    """So many purchases, one after the other. Raises BenchFailed for any answer that is neither that nor "again"."""
    for _ in range(count):
        required = read(await caller.ask(request(side.port, TARGET)), "payment-required", 402)
        paying = request(side.port, TARGET, PAYMENT_SIGNATURE=payment(full_call.PAYER, required))
        answer = await caller.ask(paying)
        while answer.status in AGAIN:
            await asyncio.sleep(pause(answer))
            answer = await caller.ask(paying)
        full_call.check(side, read(answer, "payment-response", 200))


def worked(pids: Iterable[int]) -> float:
    """Seconds of processor time of these processes and their children, those that ended too."""
    parents = [psutil.Process(pid) for pid in pids]
    below = [child for process in parents for child in process.children(recursive=True)]
    return sum(map(spent, (*below, *parents)))


def spent(process: psutil.Process) -> float:
    """One's seconds, and those of its children that ended. Of one that ended just now its parent has them, who is asked
    after it: a database's sessions come and go."""
    try:
        return float(sum(process.cpu_times()[:4]))
    except psutil.NoSuchProcess:
        return 0.0


_DOES = (
    f"{BUYERS} buyers at once, {EACH} purchases each: verified, claimed, settled, booked, with receipts; the time of "
    "servers, worker and PostgreSQL together, each commit synced. All share one core but PostgreSQL, which is beside "
    "the load. "
)
FIGURE = Figure(
    id="P10C",
    title="processor time of a payment, two servers over one",
    unit="ms",
    goal=Goal("≤ 1.1 × one", (Limit(ONE, most=1.1),)),
    does={
        PADDOCK: _DOES + "Two server processes, each with a facilitator inside; both settle with the same key.",
        ONE: _DOES + "One server process.",
    },
    measure=measure,
    seconds=90.0,
    part=600.0,
    ground=on_postgres,
)
