"""Where the sides meet: Paddock's stack and its peers on one devnet, each on its core, all ended at the end."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx

from scripts import children
from scripts.accounts import account
from scripts.bench import environment, machine
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import SLUG, TERMS, Market, Side
from scripts.bench.machine import Cores
from scripts.bench.results import PADDOCK
from scripts.bench.wire import HOST
from scripts.children import Child
from scripts.stack import PORT, TOP, VAR, Files, Stack

FOLDER = VAR / "bench"
SDK = "python-sdk"
SDK_KEY = account("stranger").key.hex()
"""The peer settles with a key of its own: two senders with one key would fight for nonces."""
Say = Callable[[str], None]


@contextmanager
def opened(say: Say, pinned: Cores | None) -> Iterator[tuple[Side, ...]]:
    """Paddock and its peers, up and pinned. Raises BenchFailed and StartFailed, and leaves nothing running."""
    with ExitStack() as stack:
        stack.enter_context(_only_run(FOLDER))
        python = environment.python_sdk(FOLDER, say)
        files = Files(FOLDER / "stack")
        children.end(children.recall(files.pids) + children.recall(_peer_pids()))  # of a run that was killed
        paddock, market, devnet = _paddock(stack, say, files)
        sides = (paddock, _python_sdk(stack, say, python, market))
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
    )


def _python_sdk(stack: ExitStack, say: Say, python: Path, market: Market) -> Side:
    """The official SDK's server with the flags that Paddock's own uvicorn has."""
    port = children.free_port()
    title = f"Python SDK {environment.version('x402')}"
    say(f"peer: {title} with FastAPI, http://{HOST}:{port} (facilitator in the server)")
    command = [str(python), "-m", "uvicorn", "--factory", "scripts.bench.sdk_server:app"]
    command += ["--host", HOST, "--port", str(port), "--app-dir", str(TOP), "--log-level", "warning"]
    command += ["--no-access-log", "--no-server-header", "--no-proxy-headers"]
    terms = {**asdict(market), "key": SDK_KEY, "path": f"/v1/{SLUG}"}
    log = FOLDER / "log" / f"{SDK}.log"
    process = children.start(command, log, {TERMS: json.dumps(terms)}, detach=False)
    child = Child(SDK, process.pid, "sdk_server")
    children.remember(_peer_pids(), [child])
    stack.callback(_peer_pids().unlink)
    stack.callback(children.end, [child])
    children.wait_for(SDK, process, log, lambda: _answers(port), 30)
    machine.require_holder(process.pid, port)
    return Side(SDK, title, port, (process.pid,), market, quotes=False, receipts=False)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://{HOST}:{port}/v1/{SLUG}", timeout=5).status_code == 402
    except httpx.HTTPError:
        return False


def _peer_pids() -> Path:
    return FOLDER / "run" / "peers.json"


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
