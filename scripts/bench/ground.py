"""Where the sides meet: Paddock's stack and its peers on one devnet, each on its core, all ended at the end."""

import fcntl
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from scripts import children
from scripts.bench import machine, peers
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import SLUG, Cores, Market, Say, Side
from scripts.bench.results import PADDOCK
from scripts.children import Child
from scripts.stack import PORT, VAR, Files, Stack

FOLDER = VAR / "bench"
DEVNET, STUB = "devnet", "stub"
"""Processes of a stack that are not its side's."""
Kind = Callable[..., Stack]
"""A Stack, or one that is started otherwise."""


@contextmanager
def opened(say: Say, pinned: Cores | None, wanted: Collection[str]) -> Iterator[tuple[Side, ...]]:
    """Paddock and those of its peers, up and pinned. Raises BenchFailed and StartFailed, and leaves nothing running."""
    with ExitStack() as stack:
        others = peers.installed(FOLDER, say, wanted)
        children.end(peers.left_over(FOLDER))
        own, devnet = paddock(stack, say, Files(FOLDER / "stack"))
        sides = (own, *peers.opened(stack, FOLDER, say, others, own.market))
        pin(pinned, sides, [devnet.pid])
        yield sides


def pin(pinned: Cores | None, sides: Sequence[Side], beside: Sequence[int]) -> None:
    """The sides' processes to the one core, ourselves and those beside them to the other."""
    if pinned:
        for pid in (os.getpid(), *beside):
            machine.pin(pid, pinned.load)
        for pid in (pid for side in sides for pid in side.pids):
            machine.pin(pid, pinned.server)


def paddock(
    stack: ExitStack, say: Say, files: Files, name: str = PADDOCK, title: str = "Paddock", kind: Kind = Stack
) -> tuple[Side, Child]:
    """The stack as `make up` starts it, on files of its own and with no settings but the defaults; and its node: the
    devnet, or the stub that a `kind` put before it."""
    children.end(children.recall(files.pids))
    for variable in [one for one in os.environ if one.startswith("PADDOCK_")]:
        del os.environ[variable]
    port = children.free_port(8402)
    os.environ[PORT] = str(port)
    running = kind(say, files, detach=False)
    stack.callback(running.stop)
    described = running.start()
    known = children.recall(files.pids)
    found = {child.name: child for child in known}
    machine.require_holder(found["server"].pid, port)
    node = found.get(STUB, found[DEVNET])
    machine.require_holder(node.pid, int(httpx.URL(described["rpc"]).port or 0))
    side = Side(
        name=name,
        title=title,
        port=port,
        pids=tuple(child.pid for child in known if child.name not in (DEVNET, STUB)),
        market=_market(described),
        quotes=True,
        receipts=True,
        database=files.database,
    )
    return side, node


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
def only_run(folder: Path = FOLDER) -> Iterator[None]:
    """Raises BenchFailed while another run uses the folder; a run that was killed holds nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BenchFailed("another bench runs in this checkout") from error
        yield
