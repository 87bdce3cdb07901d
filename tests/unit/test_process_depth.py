"""No process that reads strangers' JSON imports what raises the interpreter's limit of recursion.

py-evm and py_ecc set it to 100,000, where JSON nested deep enough overflows the stack and ends the process. They belong
to the devnet and to tests; a server, a worker, a signer or an agent keeps the limit at which depth is an error.
"""

import subprocess
import sys

import pytest

CODE = "import sys, {}; print(sys.getrecursionlimit())"
DECODE = "import msgspec\ntry: msgspec.json.decode('[' * 1_000_000)\nexcept RecursionError: print('told')"
PROCESSES = ("server.asgi", "server.worker", "server.relay", "server.cli", "agent.cli", "agent.console.app",
             "agent.signer_service", "agent.mcp")  # fmt: skip


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("module", PROCESSES)
def test_a_process_keeps_the_limit(module):
    assert run(CODE.format(module)).strip() == "1000"


def test_at_that_limit_depth_is_an_error_and_not_an_end():
    assert run(DECODE).strip() == "told"
