"""Paddock on PostgreSQL and its peers, on a chain that is a stub: it executes nothing and answers at once."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from scripts import children
from scripts.bench import machine, peers
from scripts.bench.figure import Cores, Say, Side
from scripts.bench.ground import DEVNET, FOLDER, STUB, paddock, pin
from scripts.bench.peers import EXPRESS, HONO, SDK
from scripts.bench.processes import OnPostgres
from scripts.bench.wire import HOST
from scripts.postgres import ROOM, run_postgres
from scripts.stack import Files, rpc_answers

STARTS_WITHIN = 20.0
"""Seconds."""


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


def durable(stack: ExitStack, say: Say, pinned: Cores | None) -> Side:
    """Paddock on a stub and on PostgreSQL that syncs each commit; what is beside it is on the load's core."""
    say("database: PostgreSQL, each commit synced")
    return on_stub(stack, say, pinned, Files(FOLDER / "stack-stub"), ROOM)


def on_stub(stack: ExitStack, say: Say, pinned: Cores | None, files: Files, configuration: str) -> Side:
    """A stack with a PostgreSQL server and a stub of its own, which are pinned before anybody connects to them."""
    server = stack.enter_context(run_postgres(configuration))
    if pinned:
        machine.pin(server.pid, pinned.load)
    url = server.url(server.create())
    side, stub = paddock(stack, say, files, kind=partial(OnStub, url=url))
    if pinned:
        for child in children.recall(files.pids):
            machine.pin(child.pid, pinned.load if child.name in (DEVNET, STUB) else pinned.server)
    return replace(side, database=None, postgres=url, beside=(stub.pid, server.pid))
