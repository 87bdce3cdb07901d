"""The stack of docker-compose.scale.yml on one engine: its containers, ports, memory and logs."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from scripts.accounts import account
from scripts.compose_test import Compose, TestFailed
from server.settings import Settings, load
from tests.scale.plans import REPLICAS

PROJECT = "paddock-scale"
ORIGIN = "127.0.0.1:8402"
"""What buyers ask for, whichever server answers."""
KEYS = (account("settler"), account("foreign_buyer"))
"""Those of docker-compose.scale.yml that settle."""
CONTAINERS = tuple((kind, number) for kind, many in REPLICAS.items() for number in range(1, many + 1))
PAGE, TICKS = 4096, 100
"""Bytes of a page and ticks of a second, as Linux has them on the usual processors."""


@dataclass(frozen=True)
class Spent:
    """What a container holds, in bytes of memory, and what it has used since its start, in seconds of a processor."""

    memory: int
    processor: float


class Cluster:
    """Up by `start`, gone by `down`. Containers are named by kind and number, from 1."""

    def __init__(self) -> None:
        free = {"PADDOCK_PORTS": "0", "DATABASE_PORT": "0", "DEVNET_PORT": "0"}
        self.compose = Compose(PROJECT, ("docker-compose.scale.yml",), free)
        self.ports: list[int] = []
        """Of the servers. One that is down has the port that it had."""

    def build(self) -> None:
        self.compose.run("build", "--quiet", "devnet", "deploy", "server")

    def start(self) -> None:
        """Until every container is healthy."""
        self.compose.run("up", "--detach", "--wait", "--no-build", *REPLICAS)
        self.ports = [self.port("server", 8402, number) for number in range(1, REPLICAS["server"] + 1)]

    def down(self) -> None:
        """Remove everything, volumes too."""
        self.compose.down()

    def port(self, service: str, inside: int, number: int = 1) -> int:
        """The port of this machine that leads there."""
        said = self.compose.run("port", "--index", str(number), service, str(inside))
        return int(said.strip().rpartition(":")[2])

    def kill(self, kind: str, number: int) -> None:
        """SIGKILL: nothing that it was about to do happens, and the engine does not start it again."""
        _docker("kill", "--signal", "KILL", _name(kind, number))

    def revive(self, kind: str, number: int) -> None:
        """Start the same container again, and learn its port."""
        _docker("start", _name(kind, number))
        if kind == "server":
            self.ports[number - 1] = self.port("server", 8402, number)

    def healthy(self) -> bool:
        """Whether every container of the three kinds is, by its own healthcheck."""
        said = _docker("inspect", "--format", "{{.State.Health.Status}}", *(_name(*one) for one in CONTAINERS))
        return set(said.split()) == {"healthy"}

    def spent(self) -> dict[str, Spent]:
        """By container, of those that run."""
        look = ("sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null || true")  # some end meanwhile
        running = _docker("ps", "--format", "{{.Names}}").split()
        there = [one for one in CONTAINERS if _name(*one) in running]
        return {f"{kind} {number}": spent_by(_docker("exec", _name(kind, number), *look)) for kind, number in there}

    def logs(self) -> str:
        """Everything that servers, facilitators and workers wrote."""
        return self.compose.run("logs", "--no-color", *REPLICAS)

    def settings(self, folder: Path) -> Settings:
        """The stack's settings as they are from here, for looking at its database and its chain."""
        deployments = folder / "31337.json"
        self.compose.run("cp", "--index", "1", "server:/app/deployments/31337.json", str(deployments))
        here = {
            "PADDOCK_DEVNET": "1",
            "PADDOCK_RPC_URL": self.rpc,
            "PADDOCK_DATABASE_URL": f"postgresql://paddock:paddock@127.0.0.1:{self.port('db', 5432)}/paddock",
            "PADDOCK_DEPLOYMENTS": str(deployments),
            "PADDOCK_FINALITY": "1",
        }
        return load(here)

    @property
    def rpc(self) -> str:
        """The devnet's URL."""
        return f"http://127.0.0.1:{self.port('devnet', 8545)}"


def spent_by(processes: str) -> Spent:
    """The sum of lines of /proc/<pid>/stat: memory is field 24 in pages, time fields 14 and 15 in ticks."""
    fields = [line.rpartition(")")[2].split() for line in processes.splitlines() if ")" in line]
    pages, ticks = sum(int(one[21]) for one in fields), sum(int(one[11]) + int(one[12]) for one in fields)
    return Spent(pages * PAGE, ticks / TICKS)


def _name(kind: str, number: int) -> str:
    """As Compose names a container."""
    return f"{PROJECT}-{kind}-{number}"


def _docker(*arguments: str) -> str:
    """Raises TestFailed with what it said."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise TestFailed(f"docker {' '.join(arguments)}: {done.stderr.strip()[:500]}")
    return done.stdout
