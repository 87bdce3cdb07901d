"""Paddock on PostgreSQL and its peers, on a chain that is a stub: it executes nothing and answers at once."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from scripts import children
from scripts.bench import machine, peers
from scripts.bench.errors import BenchFailed
from scripts.bench.figure import Cores, Say, Side
from scripts.bench.ground import DEVNET, FOLDER, STUB, paddock, pin
from scripts.bench.peers import EXPRESS, HONO, SDK
from scripts.bench.processes import OnPostgres
from scripts.bench.results import PADDOCK
from scripts.bench.wire import HOST
from scripts.postgres import ROOM, UNSYNCED, Postgres, run_postgres
from scripts.stack import Files, rpc_answers

STARTS_WITHIN = 20.0
"""Seconds."""
FORGETFUL = "forgetful"
RAM = Path("/dev/shm")
"""A folder that is in memory, on Linux."""
FORGETS = UNSYNCED + "full_page_writes = off\nwal_level = minimal\nmax_wal_senders = 0\n"
"""PostgreSQL that does nothing so that something outlives it."""


class OnStub(OnPostgres):
    """A stack on PostgreSQL whose server and worker have the stub for a chain. What is deployed before is the devnet's,
    which the stub goes on from."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, second=None, **named)

    def _identity(self) -> None:
        super()._identity()
        port, devnet = children.free_port(), self.rpc
        self._say(f"chain: a stub of it, http://{HOST}:{port}")
        deployed = json.loads((self.files.deployments / "31337.json").read_text())
        command = [sys.executable, "-m", "scripts.bench.stub_node", "--port", str(port)]
        command += ["--devnet", devnet, "--token", deployed["assets"][0]["address"]]
        self.rpc = f"http://{HOST}:{port}"
        self._run(STUB, command, "stub_node", lambda: rpc_answers(self.rpc), STARTS_WITHIN)()
        self._environ = self._environ | {"PADDOCK_RPC_URL": self.rpc}


@contextmanager
def with_peers(say: Say, pinned: Cores | None) -> Iterator[tuple[Side, ...]]:
    """Paddock and all its peers on one stub."""
    with ExitStack() as stack:
        others = peers.installed(FOLDER, say, (SDK, HONO, EXPRESS))
        children.end(peers.left_over(FOLDER))
        own = durable(stack, say, pinned)
        sides = [replace(side, beside=own.beside) for side in peers.opened(stack, FOLDER, say, others, own.market)]
        pin(pinned, (own, *sides), ())
        yield (own, *sides)


@contextmanager
def kept_and_not(say: Say, pinned: Cores | None) -> Iterator[tuple[Side, ...]]:
    """Paddock twice, each on a stub of its own: with a database that keeps everything, and with one that is in memory.

    Raises BenchFailed where there is no folder in memory.
    """
    if not RAM.is_dir():
        raise BenchFailed(f"a database in memory needs {RAM}, which this machine does not have")
    with ExitStack() as stack:
        own = durable(stack, say, pinned)
        say("database: PostgreSQL in memory, nothing synced")
        server = stack.enter_context(run_postgres(FORGETS, RAM))
        other = on_stub(stack, say, pinned, server, Files(FOLDER / "stack-forgetful"), FORGETFUL, "nothing durable")
        pin(pinned, (own, other), ())
        yield own, other


def durable(stack: ExitStack, say: Say, pinned: Cores | None) -> Side:
    """Paddock on a stub and on PostgreSQL that syncs each commit."""
    say("database: PostgreSQL, each commit synced")
    server = stack.enter_context(run_postgres(ROOM))
    return on_stub(stack, say, pinned, server, Files(FOLDER / "stack-stub"), PADDOCK, "Paddock")


def on_stub(
    stack: ExitStack, say: Say, pinned: Cores | None, server: Postgres, files: Files, name: str, title: str
) -> Side:
    """A stack with a stub of its own; stub and database are on the load's core before anybody connects to them."""
    if pinned:
        machine.pin(server.pid, pinned.load)
    url = server.url(server.create())
    side, stub = paddock(stack, say, files, name, title, partial(OnStub, url=url))
    if pinned:
        for child in children.recall(files.pids):
            machine.pin(child.pid, pinned.load if child.name in (DEVNET, STUB) else pinned.server)
    return replace(side, database=None, postgres=url, beside=(stub.pid, server.pid))
