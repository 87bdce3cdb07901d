"""`make soak`: all points with all seeds, one run after the other; a table, and how to repeat what failed."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from scripts.accounts import account
from scripts.postgres import UNSYNCED, run_postgres
from server.adapters.networks import read_deployments
from tests.soak.plans import Plan, chosen, plan
from tests.soak.runs import Ended, Stage, run
from tests.stack.anvil import deploy, run_anvil
from tests.stack.databases import migrate
from tests.stack.processes import free_port
from tests.stack.valkey import run_valkey


class Grounds:
    """One devnet and one database server for all runs; a database of its own for each."""

    def __init__(self, kind: str, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._anvil = stack.enter_context(run_anvil(folder))
        self._deployments = deploy(self._anvil, folder)
        (self._market,) = read_deployments([self._deployments], account("delegate").address).values()
        self.stage = {"sqlite": self._sqlite, "postgresql": self._postgresql}[kind]()

    def _sqlite(self) -> Iterator[Stage]:
        template, used = self._folder / "template.db", self._folder / "paddock.db"
        migrate(f"sqlite:///{template}")
        while True:
            for path in self._folder.glob("paddock.db*"):
                path.unlink()
            shutil.copyfile(template, used)
            yield Stage(self._anvil, self._market, self._deployments, f"sqlite:///{used}")

    def _postgresql(self) -> Iterator[Stage]:
        postgres = self._stack.enter_context(run_postgres(UNSYNCED))
        valkey = self._stack.enter_context(run_valkey(self._folder, free_port()))
        template = postgres.create()
        migrate(postgres.url(template))
        while True:
            valkey.empty()
            name = postgres.create(template)
            yield Stage(self._anvil, self._market, self._deployments, postgres.url(name), valkey.url)
            postgres.drop(name)


@contextmanager
def grounds(kind: str) -> Iterator[Grounds]:
    """Started, and ended afterwards."""
    with tempfile.TemporaryDirectory(prefix="paddock-soak-") as folder, ExitStack() as stack:
        yield Grounds(kind, Path(folder), stack)


def seeds(words: str) -> range:
    """`50` are the seeds from 1 to 50, `7-9` those three."""
    first, _, last = words.rpartition("-")
    return range(int(first or 1), int(last) + 1)


def main() -> int:
    """1 when a run failed, or when no run of a point died there."""
    kind, kept = os.environ.get("DATABASE") or "sqlite", Path(os.environ.get("FOLDER") or "var/soak")
    points, numbers = chosen(os.environ.get("POINTS", "")), seeds(os.environ.get("SEEDS") or "50")
    plans = [plan(point, seed) for seed in numbers for point in points]
    killed: Counter[str] = Counter()
    ran: Counter[str] = Counter()
    failed: list[Plan] = []
    began = time.monotonic()
    with grounds(kind) as place:
        for number, one in enumerate(plans, 1):
            folder = kept / f"{kind}-{one.point.victim}-{one.point.unit}-{one.point.edge}-{one.seed}".replace(" ", "-")
            ended = _attempt(one, next(place.stage), folder)
            ran[str(one.point)] += 1
            if ended is None:
                failed.append(one)
            else:
                killed[str(one.point)] += ended.killed
            spent, so_far = time.monotonic() - began, f"{sum(killed.values())} killed, {len(failed)} failed"
            print(f"{number}/{len(plans)} {one.point} seed {one.seed}: {_outcome(ended)} ({so_far}, {spent:.0f} s)")
    _report(kind, ran, killed, failed, time.monotonic() - began)
    return 1 if failed or any(not killed[str(point)] for point in points) else 0


def _attempt(one: Plan, stage: Stage, folder: Path) -> Ended | None:
    """A run; what failed is said, and its logs are kept."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        ended = asyncio.run(run(one, stage, folder))
    except Exception as error:
        print(f"FAILED {one}\n{type(error).__name__}: {error}")
        return None
    shutil.rmtree(folder, ignore_errors=True)
    return ended


def _outcome(ended: Ended | None) -> str:
    if ended is None:
        return "FAILED"
    return f"{'killed' if ended.killed else 'not reached'}, {ended.seconds:.1f} s"


def _report(kind: str, ran: Counter[str], killed: Counter[str], failed: list[Plan], seconds: float) -> None:
    """The table of points, and how to repeat each failure."""
    wrong = Counter(str(one.point) for one in failed)
    print(f"\n{'point':<44}{'runs':>6}{'killed':>8}{'failed':>8}")
    for name in ran:
        print(f"{name:<44}{ran[name]:>6}{killed[name]:>8}{wrong[name]:>8}")
    total = f"{sum(ran.values())} runs on {kind}, {sum(killed.values())} killed at {len(ran)} points"
    print(f"{total}, {len(failed)} failed, {seconds:.0f} s")
    for one in failed:
        print(f"make soak DATABASE={kind} {one}")


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    sys.exit(main())
