"""The peers' own environments under var/bench: made once from pinned versions, checked by hash."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from scripts.bench.errors import BenchFailed
from scripts.stack import TOP

REQUIREMENTS = TOP / "requirements" / "bench.txt"
TYPESCRIPT = Path(__file__).parent / "typescript"


def python_sdk(folder: Path, say: Callable[[str], None]) -> Path:
    """The Python that has the official SDK and FastAPI. Raises BenchFailed when it cannot be installed."""
    home, wanted = folder / "python-sdk", REQUIREMENTS.read_text()
    python, marker = home / "bin" / "python", home / ".installed"
    if marker.exists() and marker.read_text() == wanted:
        return python
    say(f"peers: the official Python SDK {version('x402')} with FastAPI, into an environment of its own ...")
    shutil.rmtree(home, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(home)])
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--require-hashes", "-r", str(REQUIREMENTS)])
    marker.write_text(wanted)
    return python


def typescript(folder: Path, say: Callable[[str], None]) -> Path:
    """The program that sells with the official TypeScript SDK, beside its packages. Raises BenchFailed."""
    home, wanted = folder / "typescript", (TYPESCRIPT / "package-lock.json").read_text()
    marker = home / "node_modules" / ".installed"
    if not marker.exists() or marker.read_text() != wanted:
        say(f"peers: the official TypeScript SDK {npm_version('@x402/core')} with Express and Hono ...")
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(TYPESCRIPT, home, ignore=shutil.ignore_patterns("node_modules"))
        _run(["npm", "ci", "--prefix", str(home), "--silent", "--no-audit", "--no-fund", "--ignore-scripts"])
        marker.write_text(wanted)
    shutil.copyfile(TYPESCRIPT / "sell.mjs", home / "sell.mjs")
    return home / "sell.mjs"


def npm_version(package: str) -> str:
    """The version of a TypeScript peer's package that is pinned."""
    found: str | None = json.loads((TYPESCRIPT / "package.json").read_text())["dependencies"].get(package)
    if found is None:
        raise BenchFailed(f"typescript/package.json does not pin {package}")
    return found


def version(package: str) -> str:
    """The version of a peer's package that is pinned."""
    found = re.search(rf"^{re.escape(package)}==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE)
    if found is None:
        raise BenchFailed(f"{REQUIREMENTS.name} does not pin {package}")
    return found[1]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchFailed(f"the peers' environment cannot be made: {done.stderr.strip()[-1500:]}")
