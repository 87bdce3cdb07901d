"""A copy of the checkout, for what writes into one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.solc import ROOT

FOLDERS = ("contracts", "docs", "scripts", "server", "protocol", "templates", "tests")
FILES = ("README.md", "ARCHITECTURE.md", "foundry.toml", "networks.toml", "package.json", "pyproject.toml")
MADE = ("node_modules", "var")


def copy_checkout(folder: Path) -> Path:
    """What is written by hand, copied there; what was made is shared."""
    for part in FOLDERS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    for part in FILES:
        shutil.copy(ROOT / part, folder / part)
    for part in MADE:
        (folder / part).symlink_to(ROOT / part)
    return folder


def run(checkout: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A Python module of the copy."""
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=checkout, env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
