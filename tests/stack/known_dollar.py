"""A devnet with the chain id of Base Sepolia and the test token at the address of its USDC.

x402 v1 clients know networks by fixed names, and v2 clients with default spend controls know dollars by address: both
buy here unmodified. `python -m tests.stack.known_dollar --rpc URL --folder PATH` deploys as scripts.deploy does.
"""

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts import deploy as deploying
from scripts.rpc import call
from scripts.solc.foundry import DEVNET
from tests.stack.anvil import Anvil, run_anvil
from tests.stack.processes import ROOT

CHAIN_ID = 84532
DOLLAR = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"


@contextmanager
def run_known_dollar(folder: Path) -> Iterator[tuple[Anvil, Path]]:
    """The devnet with everything deployed, and its deployments file. Raises ToolMissing."""
    with run_anvil(folder, "known-dollar", options=("--chain-id", str(CHAIN_ID), *DEVNET)) as anvil:
        command = [sys.executable, "-m", "tests.stack.known_dollar", "--rpc", anvil.url, "--folder", str(folder)]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
        assert result.returncode == 0, f"the deployment failed:\n{result.stdout}{result.stderr}"
        yield anvil, folder / f"{CHAIN_ID}.json"


def move_token(rpc: str, source: str) -> None:
    """Put a copy of a contract, with its storage, at DOLLAR; OpenZeppelin's EIP-712 domain follows its address."""
    state = json.loads(gzip.decompress(bytes.fromhex(call(rpc, "anvil_dumpState")[2:])))
    (account,) = (found for address, found in state["accounts"].items() if address.lower() == source.lower())
    call(rpc, "anvil_setCode", DOLLAR, account["code"])
    for slot, value in account["storage"].items():
        call(rpc, "anvil_setStorageAt", DOLLAR, _word(slot), _word(value))


def _word(text: str) -> str:
    return f"0x{int(text, 16):064x}"


def main(arguments: list[str]) -> int:
    """scripts.deploy, with the token moved before anything is told its address."""
    really = deploying.put
    rpc = arguments[arguments.index("--rpc") + 1]

    def moving(artifact: Any, *rest: Any) -> dict[str, Any]:
        row = really(artifact, *rest)
        if artifact.name == "TestUSD":
            move_token(rpc, row["address"])
            row["address"] = DOLLAR
        return row

    deploying.put = moving
    return deploying.main(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
