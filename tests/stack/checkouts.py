"""A copy of the checkout, for what writes into one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.solc import ROOT

FOLDERS = ("agent", "contracts", "docs", "scripts", "server", "protocol", "templates", "tests")
FILES = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "foundry.toml",
    "networks.toml",
    "package.json",
    "pyproject.toml",
)
MADE = ("node_modules", "var")
NOT_COPIED = (".git", ".venv", "node_modules", "var", "__pycache__", ".*_cache", "*.egg-info")


def copy_checkout(folder: Path) -> Path:
    """What is written by hand, copied there; what was made is shared."""
    for part in FOLDERS:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    for part in FILES:
        shutil.copy(ROOT / part, folder / part)
    for part in MADE:
        (folder / part).symlink_to(ROOT / part)
    return folder


def clone_checkout(folder: Path) -> Path:
    """All of it, as it is here, committed in a repository of its own; what was made is shared."""
    shutil.copytree(ROOT, folder, symlinks=True, ignore=shutil.ignore_patterns(*NOT_COPIED))
    for part in (*MADE, "tests/e2e/clients/node_modules"):
        (folder / part).symlink_to(ROOT / part)
    commit(folder)
    return folder


def commit(checkout: Path) -> None:
    """Everything as it is now."""
    author = ("-c", "user.name=fork", "-c", "user.email=fork@localhost")
    for command in (["init", "--quiet"], ["add", "--all"], [*author, "commit", "--quiet", "--message", "all of it"]):
        subprocess.run(["git", *command], cwd=checkout, check=True, capture_output=True)


def run(checkout: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A Python module of the copy."""
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=checkout, env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def done(checkout: Path, *command: str) -> str:
    """What a Python module of the copy printed, which must succeed."""
    ended = run(checkout, *command)
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    return ended.stdout
