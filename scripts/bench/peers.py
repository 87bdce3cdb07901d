"""The official SDKs as servers, each in an environment of its own, with a settlement key of its own."""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from scripts import children
from scripts.accounts import account
from scripts.bench import environment, machine
from scripts.bench.figure import SLUG, TERMS, Market, Say, Side
from scripts.bench.wire import HOST
from scripts.children import Child
from scripts.stack import TOP

SDK, HONO, EXPRESS = "python-sdk", "hono", "express"
PATH = f"/v1/{SLUG}"
STARTS_WITHIN = 30.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server to be started: `command` of a port, and what its command line is known by afterwards.

    Its settlement key is the account `role`: two senders with one key would fight for nonces.
    """

    name: str
    title: str
    role: str
    mark: str
    command: Callable[[int], Sequence[str]]


def installed(folder: Path, say: Say, wanted: Collection[str]) -> tuple[Peer, ...]:
    """The peers of these names, installed under the folder where they aren't yet. Raises BenchFailed."""
    python = environment.python_sdk(folder, say) if SDK in wanted else None
    typescript = environment.typescript(folder, say) if {HONO, EXPRESS} & set(wanted) else None

    def by_uvicorn(port: int) -> Sequence[str]:
        """With the flags that Paddock's own uvicorn has."""
        command = [str(python), "-m", "uvicorn", "--factory", "scripts.bench.sdk_server:app"]
        command += ["--host", HOST, "--port", str(port), "--app-dir", str(TOP), "--log-level", "warning"]
        return [*command, "--no-access-log", "--no-server-header", "--no-proxy-headers"]

    def by_node(framework: str) -> Callable[[int], Sequence[str]]:
        return lambda port: ["node", str(typescript), framework, str(port)]

    sdk = f"Python SDK {environment.version('x402')}"
    known = (
        Peer(SDK, f"{sdk}, FastAPI", "stranger", "sdk_server", by_uvicorn),
        Peer(HONO, f"TypeScript SDK {environment.npm_version('@x402/hono')}, Hono", "approver", "sell.mjs",
             by_node("hono")),
        Peer(EXPRESS, f"TypeScript SDK {environment.npm_version('@x402/express')}, Express", "buyer", "sell.mjs",
             by_node("express")),
    )  # fmt: skip
    return tuple(peer for peer in known if peer.name in wanted)


def opened(stack: ExitStack, folder: Path, say: Say, peers: Sequence[Peer], market: Market) -> Iterator[Side]:
    """Each peer up and answering, one after the other; all are ended with the stack. Raises StartFailed."""
    started: list[Child] = []
    stack.callback(_pids(folder).unlink, missing_ok=True)
    for peer in peers:
        port = children.free_port()
        say(f"peer: {peer.title}, http://{HOST}:{port} (facilitator in the server)")
        terms = {**asdict(market), "key": "0x" + account(peer.role).key.hex(), "path": PATH}
        log = folder / "log" / f"{peer.name}.log"
        process = children.start([*peer.command(port)], log, {TERMS: json.dumps(terms)}, detach=False)
        started.append(Child(peer.name, process.pid, peer.mark))
        children.remember(_pids(folder), started)
        stack.callback(children.end, [started[-1]])
        children.wait_for(peer.name, process, log, lambda port=port: _answers(port), STARTS_WITHIN)  # type: ignore[misc]
        machine.require_holder(process.pid, port)
        yield Side(peer.name, peer.title, port, (process.pid,), market, quotes=False, receipts=False)


def left_over(folder: Path) -> list[Child]:
    """The peers of a run that was killed."""
    return children.recall(_pids(folder))


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://{HOST}:{port}{PATH}", timeout=5).status_code == 402
    except httpx.HTTPError:
        return False


def _pids(folder: Path) -> Path:
    return folder / "run" / "peers.json"
