"""Prometheus and promtool as the machine has them, and a Prometheus that runs on our committed configuration."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.stack.processes import ROOT, free_port, start

CONFIG = ROOT / "docs" / "observability" / "prometheus.yml"
ALERTS = ROOT / "docs" / "alerts.yml"
MISSING = "no {}: install Prometheus (Debian: apt-get install --no-install-recommends prometheus)"


def found(program: str) -> str | None:
    """Where `prometheus` or `promtool` is; None where there is none."""
    return shutil.which(program)


def promtool(path: str, *arguments: str | Path) -> str:
    """What it says. Raises AssertionError with all of it when it finds something wrong."""
    run = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    said = run.stdout + run.stderr
    assert run.returncode == 0, said
    return said


def config(alerts: Path, targets: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Our configuration with that file of rules; with `targets` by job it looks there, and every second."""
    made: dict[str, Any] = yaml.safe_load(CONFIG.read_text()) | {"rule_files": [str(alerts)]}
    if targets:
        made["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        for job in made["scrape_configs"]:
            job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
    return made


@dataclass(frozen=True)
class Prometheus:
    """A running one, asked by its HTTP interface."""

    url: str

    async def ask(self, path: str, **parameters: str) -> Any:
        """`data` of an answer. Raises AssertionError with what it says of a question that it does not understand."""
        async with httpx.AsyncClient(timeout=30) as client:
            answer = (await client.get(f"{self.url}/api/v1/{path}", params=parameters)).json()
        assert answer["status"] == "success", f"{parameters}: {answer.get('error')}"
        return answer["data"]

    async def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """The series that an expression has now: labels and value."""
        result = (await self.ask("query", query=expression))["result"]
        return [(one["metric"], float(one["value"][1])) for one in result]


@contextmanager
def run_prometheus(path: str, folder: Path, targets: Mapping[str, str]) -> Iterator[Prometheus]:
    """One that scrapes these, `host:port` by job, every second, until the end of the block."""
    port = free_port()
    folder.mkdir(exist_ok=True)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config(ALERTS, targets)))
    options = (f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/series", "--log.level=warn")
    child = start("prometheus", [path, *options, f"--web.listen-address=127.0.0.1:{port}"], folder)
    try:
        child.wait_to_listen(port)
        child.wait_to_answer(f"http://127.0.0.1:{port}/-/ready")
        yield Prometheus(f"http://127.0.0.1:{port}")
    finally:
        child.stop()
