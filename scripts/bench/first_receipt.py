"""P11: how long it takes from `make demo` to the first paid receipt, in a copy of the checkout."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager

from scripts import children
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import NO_MARKET, Cores, Figure, Say, Side
from scripts.bench.ground import FOLDER
from scripts.bench.results import PADDOCK, Goal, Limit
from scripts.stack import DEVNET_PORT, PORT, TOP

INSTALLED = (".venv", "node_modules")
"""What `make setup` installs: the copy has links to it."""
LEFT_OUT = (".git", "var", "out", "cache", "__pycache__", ".build", "*.egg-info", ".*_cache", "31337.json")
"""What no fresh checkout has."""
COPY, LOG = FOLDER / "checkout", FOLDER / "log" / "demo.log"
CACHE = COPY / "var" / "cache" / "contracts"
LOOK_EVERY = 0.05
GOOD = "SELECT count(*) FROM receipts WHERE settlement IS NOT NULL AND findings = CAST('[]' AS BLOB)"
ENDS_WITHIN = 30.0
"""Seconds."""


@contextmanager
def copied(say: Say, pinned: Cores | None) -> Iterator[tuple[Side, ...]]:
    """A side that has a copy of the checkout in which nothing was built; it uses every core, as the command does."""
    say("checkout: a copy, with links to the installed packages")
    if pinned:
        os.sched_setaffinity(0, {pinned.server, pinned.load})
    try:
        fresh()
        yield (Side(PADDOCK, "Paddock", 0, (), NO_MARKET, quotes=True, receipts=True),)
    finally:
        shutil.rmtree(COPY, ignore_errors=True)


def fresh() -> None:
    """The checkout's files, and nothing that was made of them."""
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(TOP, COPY, ignore=shutil.ignore_patterns(*LEFT_OUT, *INSTALLED), symlinks=True)
    for name in INSTALLED:
        (COPY / name).symlink_to((TOP / name).resolve())


def after(prepare: Callable[[], Awaitable[object]]) -> Callable[[Side], Awaitable[float]]:
    """The measure of a demo in a checkout that was prepared so."""

    async def measure(_side: Side) -> float:
        await prepare()
        return await demo()

    return measure


async def nothing_built() -> None:
    """Compiled contracts, Python's own files and all of `var` are gone."""
    await asyncio.to_thread(fresh)


async def built() -> None:
    """A demo has been there before; the first one compiles no contracts that the bench has compiled."""
    if not CACHE.exists():
        if (TOP / CACHE.relative_to(COPY)).exists():
            await asyncio.to_thread(shutil.copytree, TOP / CACHE.relative_to(COPY), CACHE)
        await demo()


async def demo() -> float:
    """Seconds from `make demo` to a purchase that is delivered, with a receipt that the agent has checked and kept.

    Raises BenchFailed if the demo ends before. It is ended then, with everything that it started.
    """
    began, running = time.perf_counter(), start()
    try:
        while not receipts():
            if running.poll() is not None:
                raise BenchFailed(f"the demo ended with status {running.returncode}:\n{children.tail(LOG)}")
            await asyncio.sleep(LOOK_EVERY)
        return time.perf_counter() - began
    finally:
        await asyncio.shield(asyncio.to_thread(end, running))


def start() -> "subprocess.Popen[bytes]":
    """The command, on free ports; a process group of its own."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PADDOCK_")}
    environ |= {PORT: str(children.free_port()), DEVNET_PORT: str(children.free_port()), "PYTHONPATH": str(COPY)}
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("wb") as log:
        return subprocess.Popen(["make", "demo"], cwd=COPY, env=environ, stdout=log, stderr=log, start_new_session=True)


def receipts() -> int:
    """Settlements with receipts in which the agent of the copy found nothing wrong; none while it has no store."""
    store = COPY / "var" / "demo" / "agent" / "agent.db"
    if not store.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
            return int(connection.execute(GOOD).fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def end(running: "subprocess.Popen[bytes]") -> None:
    """End the demo as Ctrl-C does, and forget its store: the next one's receipts are its own."""
    group = running.pid
    for number in (signal.SIGINT, signal.SIGKILL):
        if running.poll() is None:
            os.killpg(group, number)
        try:
            running.wait(ENDS_WITHIN)
            break
        except subprocess.TimeoutExpired:
            continue
    children.end(children.recall(COPY / "var" / "run" / "stack.json"))
    for stale in (COPY / "var" / "demo").glob("agent/agent.db*"):
        stale.unlink()


_DEMO = (
    "`make demo` with its packages installed: devnet, contracts, database, identity, server and worker, the agent's "
    "first purchase with its receipt checked and kept. On all cores that the bench uses; "
)
COLD = Figure(
    id="P11",
    title="make demo to the first paid receipt, nothing built",
    unit="s",
    goal=Goal("≤ 60 s", (Limit(PADDOCK, most=60.0),)),
    does={PADDOCK: _DEMO + "contracts are compiled (solc downloaded where that is to be had, else npm's), and Python's "
          "modules of ours."},
    measure=after(nothing_built),
    seconds=240.0,
    part=400.0,
    rounds=3,
    ground=copied,
)  # fmt: skip
WARM = Figure(
    id="P11W",
    title="make demo to the first paid receipt, warm",
    unit="s",
    goal=Goal("≤ 15 s", (Limit(PADDOCK, most=15.0),)),
    does={PADDOCK: _DEMO + "compiled contracts are in the cache, and deployed anew."},
    measure=after(built),
    seconds=300.0,
    part=450.0,
    ground=copied,
)
