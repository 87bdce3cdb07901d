"""`paddock …` and the documentation's own shell lines, run as an operator runs them."""

import re
import subprocess
import sys
from pathlib import Path

from tests.stack.marketplace import Marketplace
from tests.stack.processes import ROOT


def paddock(place: Marketplace, *arguments: str) -> tuple[int, str]:
    """A command with the marketplace's settings: status and words."""
    environment = {"PATH": "/usr/bin:/bin", **place.environment}
    done = subprocess.run(
        [sys.executable, "-m", "server.cli", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def documented(page: str, beginning: str) -> str:
    """The one command of a page that begins so."""
    found = set(re.findall(rf"^{re.escape(beginning)}.*$|(?<=`){re.escape(beginning)}[^`]*", _text(page), re.MULTILINE))
    assert len(found) == 1, f"{page} has {len(found)} commands that begin with {beginning!r}"
    return found.pop()


def shell(line: str, folder: Path, url: str, programs: Path) -> None:
    """Run a documented line in a folder, on the database of a URL. Raises CalledProcessError."""
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "PADDOCK_DATABASE_URL": url}
    own = line.replace(".venv/bin/python", sys.executable)
    subprocess.run(own, shell=True, check=True, cwd=folder, env=environment)


def _text(page: str) -> str:
    return (ROOT / page).read_text()
