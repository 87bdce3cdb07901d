"""Child processes with logs: started, waited for, found again by their id, and ended."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


class StartFailed(Exception):
    """A process did not become healthy; the message says what its log says."""


@dataclass(frozen=True, slots=True)
class Child:
    """`mark` is a part of the command line by which a process is known to be still the one we started."""

    name: str
    pid: int
    mark: str


def free_port(wanted: int | None = None) -> int:
    """`wanted` if nobody listens there, else any free port of this machine."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port or 0))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise StartFailed("this machine has no free port")


def require_free(port: int, variable: str) -> None:
    """Raises StartFailed if somebody listens on the port already."""
    if free_port(port) != port:
        raise StartFailed(
            f"port {port} is taken by another program.\n"
            f"  End that program (was it `make up`? then: make down), or choose another port: {variable}={port + 1}"
        )


def start(command: list[str], log: Path, environ: Mapping[str, str], *, detach: bool) -> subprocess.Popen[bytes]:
    """Start with output to `log`. A detached child outlives us and no Ctrl-C of our terminal reaches it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environ},
            start_new_session=detach,
        )


def wait_for(
    name: str, process: subprocess.Popen[bytes], log: Path, healthy: Callable[[], bool], seconds: float
) -> None:
    """Until `healthy`; raises StartFailed if the process ends or the time is over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise StartFailed(f"{name} ended with status {process.returncode}:\n{tail(log)}")
        if healthy():
            return
        time.sleep(0.05)
    raise StartFailed(f"{name} was not ready after {seconds:.0f} s:\n{tail(log)}")


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, indented."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join("    " + line for line in text.splitlines()[-lines:]) or "    (it wrote nothing)"


def remember(path: Path, children: list[Child]) -> None:
    """Write down which processes are ours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(child) for child in children]))


def recall(path: Path) -> list[Child]:
    """The processes that were written down; none if there is no such file."""
    return [Child(**item) for item in json.loads(path.read_text())] if path.exists() else []


def alive(child: Child) -> bool:
    """Whether the process runs and is still the one that we started."""
    listed = subprocess.run(
        ["ps", "-o", "stat=,command=", "-p", str(child.pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return bool(listed) and not listed.startswith("Z") and child.mark in listed


def end(children: list[Child], seconds: float = 10.0) -> list[str]:
    """Ask each to end, in reverse order of their start, then force those that stay; the names of those ended."""
    running = [child for child in reversed(children) if alive(child)]
    for child in running:
        os.kill(child.pid, signal.SIGTERM)
    until = time.monotonic() + seconds
    while any(alive(child) for child in running) and time.monotonic() < until:
        time.sleep(0.05)
    for child in running:
        if alive(child):
            os.kill(child.pid, signal.SIGKILL)
    return [child.name for child in running]
