"""The whole stack on this machine: devnet, contracts, database, server with embedded facilitator, worker."""

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from scripts import children
from scripts.accounts import ROLES, account
from scripts.children import Child, StartFailed
from scripts.solc.foundry import DEVNET

TOP = Path(__file__).resolve().parents[1]
VAR = TOP / "var"
PORT, DEVNET_PORT = "PADDOCK_PORT", "PADDOCK_DEVNET_PORT"
READY_WITHIN = 90.0
"""Seconds that server and worker have: two on an idle machine, half a minute on one that others use too."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Files:
    """Where a stack keeps its files: everything under `var`, and the deployments file."""

    var: Path = VAR

    @property
    def stack(self) -> Path:
        return self.var / "stack.json"

    @property
    def database(self) -> Path:
        return self.var / "paddock.db"

    @property
    def pids(self) -> Path:
        return self.var / "run" / "stack.json"

    @property
    def ready(self) -> Path:
        return self.var / "run" / "worker.ready"

    @property
    def logs(self) -> Path:
        return self.var / "log"

    @property
    def deployments(self) -> Path:
        """The project's own folder for the project's own stack; another stack keeps its own."""
        return (TOP if self.var == VAR else self.var) / "deployments"


class Stack:
    """Starts the processes, together where none needs the other; ends them all, whatever happened."""

    def __init__(self, say: Say, files: Files, *, detach: bool) -> None:
        self._say, self.files, self._detach = say, files, detach
        self.port = int(os.environ.get(PORT, "8402"))
        self._children: list[Child] = []
        self._environ: dict[str, str] = {}
        self.rpc = self._api_secret = ""

    def start(self) -> dict[str, Any]:
        """The contents of var/stack.json, when everything is healthy. Raises StartFailed and leaves nothing running."""
        try:
            children.require_free(self.port, PORT)
            self._devnet()
            self._environ = self._settings()
            with ThreadPoolExecutor() as pool:
                for step in [pool.submit(self._contracts), pool.submit(self._database)]:
                    step.result()
            self._identity()
            for healthy in (self._server(), self._worker()):
                healthy()
            stack = self._describe()
        except BaseException:
            self.stop()
            raise
        self.files.stack.write_text(json.dumps(stack, indent=2) + "\n")
        return stack

    def stop(self) -> None:
        """End what was started; harmless to repeat."""
        children.end(self._children)
        for path in (self.files.pids, self.files.stack):
            path.unlink(missing_ok=True)
        self._children = []

    def _devnet(self) -> None:
        wanted = os.environ.get(DEVNET_PORT)
        if wanted:
            children.require_free(int(wanted), DEVNET_PORT)
        port = children.free_port(int(wanted or 8545))
        self.rpc = f"http://127.0.0.1:{port}"
        self._say(f"devnet: anvil, chain 31337, {self.rpc}")
        states = self.files.var / "devnet"
        shutil.rmtree(states, ignore_errors=True)
        command = [anvil(), "--host", "127.0.0.1", "--port", str(port), *DEVNET, "--cache-path", str(states)]
        self._run("devnet", command, "anvil", lambda: rpc_answers(self.rpc), 20)()

    def _contracts(self) -> None:
        self._say("contracts: compile with py-solc-x (cached), deploy with Ape")
        self._once(
            "deploy",
            [sys.executable, "-m", "scripts.deploy", "--rpc", self.rpc, "--folder", str(self.files.deployments)],
        )

    def _settings(self) -> dict[str, str]:
        return {
            "PADDOCK_DEVNET": "1",
            "PADDOCK_RPC_URL": self.rpc,
            "PADDOCK_PORT": str(self.port),
            "PADDOCK_DATABASE_URL": f"sqlite:///{self.files.database}",
            "PADDOCK_DEPLOYMENTS": str(self.files.deployments / "31337.json"),
            "PADDOCK_OPERATOR_TOKEN": secrets.token_urlsafe(24),
            "PADDOCK_READY_FILE": str(self.files.ready),
        }

    def _database(self) -> None:
        near = self._environ["PADDOCK_DATABASE_URL"].startswith("sqlite")
        self._say(f"database: SQLite, {shown(self.files.database)}" if near else "database: PostgreSQL")
        for stale in self.files.var.glob("paddock.db*"):
            stale.unlink()
        self._once("migrate", [sys.executable, "-m", "server.cli", "migrate"])
        secret = [sys.executable, "-m", "server.cli", "merchant", "rotate-secret", "paddock"]
        self._api_secret = self._said("secret", secret)

    def _identity(self) -> None:
        self._say("identity: the merchant becomes an agent of the ERC-8004 registry")
        key = self.files.var / "run" / "merchant.key"
        key.touch(mode=0o600)
        key.write_text(f"0x{account('merchant').key.hex()}\n")
        command = ["merchant", "identity", "register", "paddock", "--key-file", str(key)]
        self._once("identity", [sys.executable, "-m", "server.cli", *command])

    def _server(self) -> Callable[[], None]:
        self._say(f"server: http://127.0.0.1:{self.port} (Litestar; facilitator embedded)")
        command = [sys.executable, "-m", "server.cli", "serve"]
        return self._run("server", command, "server.cli", lambda: http_ok(self._url("/health/ready")), READY_WITHIN)

    def _worker(self) -> Callable[[], None]:
        self._say("worker: Dramatiq (in-memory broker, fed from the outbox)")
        self.files.ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "server.cli", "work"]
        return self._run("worker", command, "server.cli", self.files.ready.exists, READY_WITHIN)

    def _run(
        self, name: str, command: list[str], mark: str, healthy: Callable[[], bool], seconds: float
    ) -> Callable[[], None]:
        """Start it; what is given back waits until it is healthy."""
        log = self.files.logs / f"{name}.log"
        process = children.start(command, log, self._environ, detach=self._detach)
        self._children.append(Child(name, process.pid, mark))
        children.remember(self.files.pids, self._children)
        return lambda: children.wait_for(name, process, log, healthy, seconds)

    def _said(self, name: str, command: list[str]) -> str:
        """What a command answers; it stands in no log."""
        environ = {**os.environ, **self._environ}
        done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=TOP, check=False)
        if done.returncode:
            raise StartFailed(f"{name} failed with status {done.returncode}:\n{done.stderr}")
        return done.stdout.strip()

    def _once(self, name: str, command: list[str]) -> None:
        log = self.files.logs / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            done = subprocess.run(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._environ},
                cwd=TOP,
                check=False,
            )
        if done.returncode:
            raise StartFailed(f"{name} failed with status {done.returncode}:\n{children.tail(log)}")

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def _describe(self) -> dict[str, Any]:
        deployed = json.loads((self.files.deployments / "31337.json").read_text())
        token = self._environ["PADDOCK_OPERATOR_TOKEN"]
        return {
            "server": self._url(""),
            "facilitator": self._url("/facilitator"),
            "rpc": self.rpc,
            "chain_id": deployed["chain_id"],
            "asset": deployed["assets"][0],
            "contracts": {name: item["address"] for name, item in deployed["contracts"].items()},
            "accounts": {
                role: {"address": account(role).address, "private_key": "0x" + account(role).key.hex()}
                for role in ROLES
            },
            "merchant": {"id": "paddock", "api_key": "devnet-merchant", "api_secret": self._api_secret},
            "services": services(self._url("")),
            "console": {"url": self._url("/console"), "token": token},
        }


def services(origin: str) -> list[dict[str, Any]]:
    """The services as var/stack.json lists them; each url is callable as it stands."""
    wanted = ("slug", "url", "method", "mode", "amount", "body")
    return [{name: item[name] for name in wanted} for item in httpx.get(f"{origin}/api/services").json()]


def anvil() -> str:
    """The devnet's binary: of npm's package, which setup installed."""
    found = sorted((TOP / "node_modules" / "@foundry-rs").glob("anvil-*/bin/anvil*"))
    if not found:
        raise StartFailed("anvil is missing; run `make setup` (it comes from npm's @foundry-rs/anvil)")
    return str(found[0])


def rpc_answers(url: str) -> bool:
    """Whether a JSON-RPC node answers there."""
    try:
        reply = httpx.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}, timeout=2)
    except httpx.HTTPError:
        return False
    return reply.status_code == 200


def http_ok(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def shown(path: Path) -> str:
    """A path as the reader of the terminal would type it."""
    return str(path.relative_to(TOP)) if path.is_relative_to(TOP) else str(path)


def up(files: Files) -> None:
    """Start in the background and come back when healthy."""
    running = [child.name for child in children.recall(files.pids) if children.alive(child)]
    if running:
        raise StartFailed(f"the stack is up already ({', '.join(running)}); end it with: make down")
    stack = Stack(lambda text: print(f"  {text}", flush=True), files, detach=True).start()
    print(f"\n  up: {stack['server']}  (console: {stack['console']['url']}/enter?token={stack['console']['token']})")
    print(f"  described in {shown(files.stack)}; end it with: make down")


def down(files: Files) -> None:
    """End what `up` started."""
    ended = children.end(children.recall(files.pids))
    for path in (files.pids, files.stack):
        path.unlink(missing_ok=True)
    print(f"  ended: {', '.join(ended)}" if ended else "  nothing was running")


def main() -> None:
    """`up` or `down`; a failure is told in a sentence."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=("up", "down"))
    parser.add_argument("--var", type=Path, default=VAR, help="keep everything there instead of in var/")
    given = parser.parse_args()
    try:
        (up if given.verb == "up" else down)(Files(given.var.resolve()))
    except StartFailed as error:
        raise SystemExit(f"\npaddock: {error}") from error


if __name__ == "__main__":
    main()
