"""Child processes: started with an environment and a log of their own, and ended by their own id only."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.stack.waiting import until

ROOT = Path(__file__).resolve().parents[2]
"""The checkout that these tests belong to."""


class ChildDied(AssertionError):
    """A process ended by itself; the message ends with its log."""


@dataclass(eq=False)
class Child:
    """A process that this test started. Everything it writes goes to `log_path`."""

    name: str
    process: subprocess.Popen[bytes]
    log_path: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def log(self) -> str:
        """All that it has written so far."""
        return self.log_path.read_text(errors="replace")

    def require_running(self) -> None:
        """Raises ChildDied with the end of the log."""
        if not self.running:
            raise ChildDied(f"{self.name} ended with status {self.process.returncode}:\n{self.log()[-6000:]}")

    def holds(self, port: int) -> bool:
        """Whether this very process, or a child of its, listens on the port: a busy port answers for somebody else."""
        try:
            family = (own := psutil.Process(self.pid), *own.children(recursive=True))
            listening = [c for process in family for c in process.net_connections("tcp") if c.status == "LISTEN"]
        except psutil.NoSuchProcess:
            return False
        return any(connection.laddr.port == port for connection in listening)

    def wait_to_listen(self, port: int, seconds: float = 30.0) -> None:
        """Until it holds the port. Raises ChildDied, or AssertionError with the log."""

        def listening() -> bool:
            self.require_running()
            return self.holds(port)

        try:
            until(listening, seconds, f"{self.name} listens on {port}", every=0.05)
        except ChildDied:
            raise
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()[-6000:]}") from None

    def wait_to_answer(self, url: str, seconds: float = 30.0) -> None:
        """Until `url` answers 200. Call `wait_to_listen` first, so that the answer is this process's."""

        def answers() -> bool:
            self.require_running()
            try:
                with urllib.request.urlopen(url, timeout=5) as response:
                    return bool(response.status == 200)
            except (urllib.error.URLError, OSError):
                return False

        until(answers, seconds, f"{self.name} answers at {url}\n{self.log()[-6000:]}", every=0.05)

    def wait_to_say(self, words: str, seconds: float = 30.0) -> None:
        """Until its log contains `words`."""

        def said() -> bool:
            self.require_running()
            return words in self.log()

        until(said, seconds, f"{self.name} says {words!r}", every=0.05)

    def kill(self) -> None:
        """SIGKILL: nothing that it was about to do happens."""
        if self.running:
            self.process.kill()
        self.process.wait(10)

    def stop(self, seconds: float = 15.0) -> None:
        """SIGTERM, and SIGKILL for a process that does not mind it."""
        if self.running:
            self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def pause(self) -> None:
        """SIGSTOP: it stands still and notices nothing, as under a long collection or a frozen machine."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)


def start(
    name: str, command: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None
) -> Child:
    """Start a command in the checkout; its log is `folder/name.log`. No PADDOCK_ variable of ours is passed on."""
    inherited = without_paddock(os.environ)
    folder.mkdir(parents=True, exist_ok=True)
    log_path = folder / f"{name}.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            env=inherited | {"PYTHONUNBUFFERED": "1"} | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    return Child(name, process, log_path)


def without_paddock(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without the variables of a marketplace."""
    return {name: value for name, value in environment.items() if not name.startswith("PADDOCK_")}


def start_python(name: str, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Child:
    """As `start`, with this interpreter: `["-m", "server.cli", "serve"]`."""
    return start(name, [sys.executable, *arguments], folder, environment)


def free_port() -> int:
    """A port that was free a moment ago; check with `Child.wait_to_listen` who got it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
