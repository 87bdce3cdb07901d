"""`make compose-test`: the committed Compose file from nothing to the story's end, with the worker killed midway."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from scripts.children import free_port
from scripts.stack import TOP, VAR

PROJECT = "paddock-test"
DATABASE = "postgresql://paddock:paddock@127.0.0.1/paddock"
PURCHASES = 6
BUY_PASSES = (
    f"for i in $(seq {PURCHASES}); do "
    "python -m agent.cli fetch http://server:8402/v1/access-pass -X POST -d '{}' --task again --again || true; done; "
    "python -m agent.cli resume"
)
UNFINISHED = (
    "select count(*) from orders where payment in ('settling', 'in_doubt') "
    "or (payment = 'settled' and fulfilment not in ('released', 'failed')) "
    "or (fulfilment = 'failed' and payment = 'settled' and money_back <> 'refunded')"
)


class TestFailed(Exception):
    """Something was not as it should be."""


class Compose:
    """`docker compose` on the project's file, and on others over it, under a name of its own."""

    def __init__(self, project: str, over: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> None:
        self._environ = {**os.environ, **(environ or {})}
        files = ["docker-compose.yml", *over]
        self._command = ["docker", "compose", "-p", project, *(word for file in files for word in ("-f", file))]

    def run(self, *arguments: str, check: bool = True, seconds: float = 1200) -> str:
        """The command's output. Raises TestFailed with what it said."""
        done = subprocess.run(
            [*self._command, *arguments],
            capture_output=True,
            text=True,
            cwd=TOP,
            env=self._environ,
            timeout=seconds,
            check=False,
        )
        if check and done.returncode:
            raise TestFailed(f"docker compose {' '.join(arguments)}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done.stdout

    def sql(self, query: str) -> int:
        """One number out of PostgreSQL."""
        return int(self.run("exec", "-T", "db", "psql", DATABASE, "-tAc", query).strip())

    def down(self) -> None:
        """Remove everything of this project, its volumes too."""
        self.run("down", "--volumes", "--remove-orphans", check=False)


def require_engine() -> None:
    """Raises TestFailed unless an engine with Compose v2 answers."""
    for command in (["docker", "compose", "version"], ["docker", "info"]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        except FileNotFoundError as error:
            raise TestFailed("there is no docker on this machine; install Docker with Compose v2") from error
        if done.returncode:
            where = os.environ.get("DOCKER_HOST", "the default socket")
            raise TestFailed(f"`{' '.join(command)}` does not work (DOCKER_HOST: {where}): {done.stderr.strip()[:300]}")


def step(text: str) -> None:
    print(f"  {text}", flush=True)


def expect(right: bool, what: str) -> None:
    """Raises TestFailed unless right."""
    step(("ok    " if right else "WRONG ") + what)
    if not right:
        raise TestFailed(what)


def until(what: str, true: Callable[[], bool], seconds: float) -> None:
    """Look again and again, for a bounded time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TestFailed(f"after {seconds:.0f} s still not: {what}")
        time.sleep(0.5)


def tell_story(compose: Compose) -> None:
    """Up, and the agent's story to its end."""
    step("build the images (the first time takes minutes) ...")
    compose.run("build", "--quiet")
    step("docker compose up ...")
    compose.run("up", "--detach")
    code = compose.run("wait", "agent", check=False).strip()
    print(compose.run("logs", "--no-log-prefix", "--no-color", "agent"))
    expect(re.findall(r"\d+", code)[-1:] == ["0"], "the agent's container ends with status 0")
    target = VAR / "compose-demo.json"
    VAR.mkdir(exist_ok=True)
    compose.run("cp", "agent:/app/var/demo.json", str(target))
    expect(json.loads(target.read_text())["ok"], "its demo.json says ok: true")


def check_places(compose: Compose) -> None:
    """Orders are in PostgreSQL, jobs went through Redis, books and chain agree."""
    expect(compose.sql("select count(*) from orders where fulfilment = 'released'") >= 5, "PostgreSQL holds the orders")
    jobs = compose.sql("select count(*) from outbox where done = 1")
    stats = compose.run("exec", "-T", "broker", "redis-cli", "info", "commandstats")
    calls = [line for line in stats.splitlines() if line.startswith("cmdstat_evalsha:")]
    handed = int(calls[0].split("calls=")[1].split(",")[0]) if calls else 0
    expect(handed >= jobs > 0, f"{jobs} jobs are done, and Redis ran Dramatiq's script {handed} times")
    books = compose.run("exec", "-T", "server", "python", "-m", "server.cli", "reconcile")
    expect("0 differences" in books, "ledger and chain agree")


def kill_worker(compose: Compose) -> None:
    """Kill the worker while callbacks are on their way; after its return nothing is lost."""
    before = compose.sql("select count(*) from orders")
    environ = ["-e", "PADDOCK_AGENT_HOME=/app/var/demo/agent", "-e", "PADDOCK_AGENT_RPC=http://devnet:8545"]
    key = ["-e", "PADDOCK_AGENT_KEY=0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a"]
    compose.run("run", "--detach", "--no-deps", *environ, *key, "agent", "sh", "-c", BUY_PASSES)
    until("a new order", lambda: compose.sql("select count(*) from orders") > before, 60)
    compose.run("kill", "worker")
    until("an order that waits for the worker", lambda: compose.sql(UNFINISHED) > 0, 90)
    step("the worker is dead and orders wait for it; now it comes back ...")
    compose.run("up", "--detach", "--no-deps", "worker")
    wanted = before + PURCHASES
    until(f"all {PURCHASES} orders made", lambda: compose.sql("select count(*) from orders") >= wanted, 300)
    until("every order ended", lambda: compose.sql(UNFINISHED) == 0, 120)
    passes = "select count(*) from orders where service = 'access-pass' and fulfilment = 'released'"
    expect(compose.sql(passes) == PURCHASES + 1, f"all {PURCHASES + 1} access passes were delivered, none twice")
    check_places(compose)


def main() -> None:
    """0 when everything holds; the stack is removed in any case."""
    compose = Compose(PROJECT, environ={"PADDOCK_PORT": str(free_port(8402))})
    try:
        require_engine()
        compose.down()
        tell_story(compose)
        check_places(compose)
        kill_worker(compose)
    except (TestFailed, subprocess.TimeoutExpired) as error:
        logs = Path(VAR / "compose-test.log")
        logs.write_text(compose.run("logs", "--no-color", check=False))
        print(f"\ncompose-test: {error}\n  every container's log: {logs.relative_to(TOP)}", file=sys.stderr)
        raise SystemExit(1) from error
    finally:
        compose.down()
    print("\n  1 passed, 0 failed")


if __name__ == "__main__":
    main()
