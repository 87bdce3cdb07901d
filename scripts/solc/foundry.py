"""Where anvil and forge are, and forge with the compiler of this repository."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.solc import ROOT, find_compiler


class ToolMissing(Exception):
    """A Foundry tool is not installed; the message says what to do."""


DEVNET = ("--block-time", "1", "--mixed-mining", "--max-persisted-states", "300")
"""How anvil runs as a devnet: a block a second, and one at once for every transaction.

Of 300 blocks before the newest it knows the state, more than nodes that keep no archive. By itself it would write the
states of an hour, 3 GB, and leave them behind.
"""


def find_tool(name: str) -> Path:
    """The native `anvil` or `forge`: from PATH first, else from the npm package for this platform.

    Raises ToolMissing where neither is there.
    """
    on_path = shutil.which(name)
    if on_path:
        return Path(on_path)
    for path in sorted((ROOT / "node_modules" / "@foundry-rs").glob(f"{name}-*/bin/{name}*")):
        if os.access(path, os.X_OK):
            return path
    raise ToolMissing(f"no {name}: run `npm ci --ignore-scripts` in the repository, or put {name} on PATH")


def forge(*arguments: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run forge in the repository, or a copy of it, with its compiler; returns exit status and output, raises nothing.

    `variables` are added to its environment, and win.
    """
    own = {"FOUNDRY_SOLC": str(find_compiler()), "FOUNDRY_OFFLINE": "true", "NO_COLOR": "1"}
    environment = os.environ | own | variables
    return subprocess.run(
        [find_tool("forge"), *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def main() -> int:
    """`python -m scripts.solc.foundry test …`: forge's own command line."""
    result = forge(*sys.argv[1:])
    print(result.stdout, end="")
    print(result.stderr, end="", file=sys.stderr)
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
