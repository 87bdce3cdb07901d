"""A marketplace as separate processes on real parts, each of which can be told where to die."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.bootstrap import open_parts
from server.settings import Settings, load
from tests.stack.processes import Child, free_port, start_python

TOKEN = "test-operator"


@dataclass
class Marketplace:
    """`environment` is what every process gets. Ports are chosen here; each process is checked to hold its own."""

    folder: Path
    rpc: str
    database_url: str
    deployments: Path
    broker_url: str = ""
    more: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    children: list[Child] = field(default_factory=list)
    start: Callable[..., Child] = start_python

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PADDOCK_DEVNET": "1",
            "PADDOCK_RPC_URL": self.rpc,
            "PADDOCK_DATABASE_URL": self.database_url,
            "PADDOCK_BROKER_URL": self.broker_url,
            "PADDOCK_DEPLOYMENTS": str(self.deployments),
            "PADDOCK_PORT": str(self.port),
            "PADDOCK_ORIGINS": self.url,
            "PADDOCK_OPERATOR_TOKEN": TOKEN,
            **self.more,
        }

    def settings(self) -> Settings:
        """The processes' settings, for looking at their database and chain from the test."""
        return load(self.environment)

    def parts(self) -> Any:
        """Database, chain and market, opened in this process: `async with marketplace.parts() as parts`."""
        return open_parts(self.settings())

    def start_server(self, dies_at: str = "", *, port: int | None = None, answers: str = "/health/ready") -> Child:
        """Start the server and wait until it is ready, or until another path answers 200."""
        port = port or self.port
        environment = self.environment | {"PADDOCK_PORT": str(port)}
        command = ["-m", "tests.stack.killing", dies_at, "serve"]
        child = self.start(f"server-{port}-{len(self.children)}", command, self.folder, environment)
        self.children.append(child)
        child.wait_to_listen(port)
        child.wait_to_answer(f"http://127.0.0.1:{port}{answers}")
        return child

    def start_facilitator(self, dies_at: str = "", *, port: int = 0) -> str:
        """Start a facilitator on its own, beside the one in the server; its URL."""
        port = port or free_port()
        environment = self.environment | {"PADDOCK_PORT": str(port)}
        command = ["-m", "tests.stack.killing", dies_at, "serve", "facilitator"]
        child = self.start(f"facilitator-{port}-{len(self.children)}", command, self.folder, environment)
        self.children.append(child)
        child.wait_to_listen(port)
        child.wait_to_answer(f"http://127.0.0.1:{port}/health/live")
        return f"http://127.0.0.1:{port}/facilitator"

    def start_worker(self, dies_at: str = "") -> Child:
        """Start a worker; it is ready when it says so."""
        command = ["-m", "tests.stack.killing", dies_at, "work"]
        child = self.start(f"worker-{len(self.children)}", command, self.folder, self.environment)
        self.children.append(child)
        child.wait_to_say("the worker is ready")
        return child

    def stop(self) -> None:
        """End every process of it."""
        for child in reversed(self.children):
            child.stop()

    def logs(self) -> str:
        """Everything that its processes wrote."""
        return "\n".join(child.log() for child in self.children)
