"""Prometheus and promtool as the machine has them."""

import shutil
import subprocess
from pathlib import Path


def found(program: str) -> str | None:
    """Where `prometheus` or `promtool` is; None where there is none."""
    return shutil.which(program)


def promtool(path: str, *arguments: str | Path) -> str:
    """What it says. Raises AssertionError with all of it when it finds something wrong."""
    run = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    said = run.stdout + run.stderr
    assert run.returncode == 0, said
    return said
