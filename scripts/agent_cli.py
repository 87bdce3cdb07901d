"""The bundled agent's commands, run as a person runs them: in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

from scripts.stack import TOP


def run_agent(home: Path, rpc: str, *arguments: str, **more: str) -> "subprocess.CompletedProcess[bytes]":
    """`paddock-agent` with that home and node; `more` are further settings of its environment."""
    environ = os.environ | {"PADDOCK_AGENT_HOME": str(home), "PADDOCK_AGENT_RPC": rpc} | more
    command = [sys.executable, "-m", "agent.cli", *arguments]
    return subprocess.run(command, env=environ, cwd=TOP, capture_output=True, timeout=180, check=False)
