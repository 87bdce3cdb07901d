"""Where the sides meet: Paddock's stack and its peers on one devnet, each on its core, all ended at the end."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from scripts import children
from scripts.bench import machine, peers
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import SLUG, Market, Side
from scripts.bench.machine import Cores
from scripts.bench.peers import Say
from scripts.bench.results import PADDOCK
from scripts.children import Child
from scripts.stack import PORT, VAR, Files, Stack

FOLDER = VAR / "bench"


@contextmanager
def opened(say: Say, pinned: Cores | None) -> Iterator[tuple[Side, ...]]:
    """Paddock and its peers, up and pinned. Raises BenchFailed and StartFailed, and leaves nothing running."""
    with ExitStack() as stack:
        stack.enter_context(_only_run(FOLDER))
        others = peers.installed(FOLDER, say)
        files = Files(FOLDER / "stack")
        children.end(children.recall(files.pids) + peers.left_over(FOLDER))
        paddock, market, devnet = _paddock(stack, say, files)
        sides = (paddock, *peers.opened(stack, FOLDER, say, others, market))
        if pinned:
            machine.pin(os.getpid(), pinned.load)
            machine.pin(devnet.pid, pinned.load)
            for pid in (pid for side in sides for pid in side.pids):
                machine.pin(pid, pinned.server)
        yield sides


def _paddock(stack: ExitStack, say: Say, files: Files) -> tuple[Side, Market, Child]:
    """The stack as `make up` starts it, on files of its own and with no settings but the defaults."""
    for name in [name for name in os.environ if name.startswith("PADDOCK_")]:
        del os.environ[name]
    port = children.free_port(8402)
    os.environ[PORT] = str(port)
    running = Stack(say, files, detach=False)
    stack.callback(running.stop)
    described = running.start()
    found = {child.name: child for child in children.recall(files.pids)}
    machine.require_holder(found["server"].pid, port)
    machine.require_holder(found["devnet"].pid, int(httpx.URL(described["rpc"]).port or 0))
    market = _market(described)
    side = Side(
        name=PADDOCK,
        title="Paddock",
        port=port,
        pids=(found["server"].pid, found["worker"].pid),
        market=market,
        quotes=True,
        receipts=True,
    )
    return side, market, found["devnet"]


def _market(described: dict[str, Any]) -> Market:
    service = next(item for item in described["services"] if item["slug"] == SLUG)
    asset = described["asset"]
    return Market(
        rpc=described["rpc"],
        network=f"eip155:{described['chain_id']}",
        asset=asset["address"],
        asset_name=asset["name"],
        asset_version=asset["version"],
        amount=int(service["amount"]),
        pay_to=described["accounts"]["merchant"]["address"],
        batch_settler=described["contracts"]["BatchSettler"],
    )


@contextmanager
def _only_run(folder: Path) -> Iterator[None]:
    """Raises BenchFailed while another run uses the folder; a run that was killed holds nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BenchFailed("another bench runs in this checkout") from error
        yield
