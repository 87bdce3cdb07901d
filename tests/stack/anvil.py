"""A devnet: anvil as a child process, and the contracts deployed into it."""

import gzip
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.solc.foundry import DEVNET, find_tool
from tests.stack.processes import ROOT, Child, start
from tests.stack.waiting import until

CHAIN_ID = 31337
_LISTENING = re.compile(r"Listening on 127\.0\.0\.1:(\d+)")


@dataclass(frozen=True, eq=False)
class Anvil:
    """A running devnet. `url` is its JSON-RPC."""

    child: Child
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def rpc(self, method: str, *parameters: Any) -> Any:
        """One JSON-RPC call; raises AssertionError for an error answer."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as response:
            answer = json.load(response)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def block_number(self) -> int:
        return int(self.rpc("eth_blockNumber"), 16)

    def mine(self, blocks: int = 1) -> None:
        """Empty blocks on top, as if time passed on the chain alone."""
        self.rpc("anvil_mine", hex(blocks))

    def hold(self) -> None:
        """Mine nothing until `release`: transactions wait. For a devnet of a test's own (see `release`)."""
        self.rpc("evm_setAutomine", False)
        self.rpc("evm_setIntervalMining", 0)

    def release(self) -> None:
        """Mine what waits, and a block a second from then on: anvil does not go back to mixed mining."""
        self.mine()
        self.rpc("evm_setIntervalMining", 1)

    def drop(self, transaction: str) -> None:
        """Forget a waiting transaction."""
        self.rpc("anvil_dropTransaction", transaction)

    def reorganise(self, depth: int) -> None:
        """Replace the newest blocks by empty ones: their transactions are gone."""
        self.rpc("anvil_reorg", depth, [])

    def travel(self, seconds: int) -> None:
        """Move the chain's clock forward, and mine a block there."""
        self.rpc("evm_increaseTime", seconds)
        self.mine()

    def set_balance(self, address: str, wei: int) -> None:
        self.rpc("anvil_setBalance", address, hex(wei))


@contextmanager
def run_anvil(
    folder: Path, name: str = "anvil", state: Path | None = None, options: Sequence[str] = DEVNET
) -> Iterator[Anvil]:
    """A devnet on a port of its own choosing, from an earlier `dump`'s state if there is one. Raises ToolMissing."""
    more = ("--cache-path", str(folder / "states"), *(("--load-state", str(state)) if state else ()))
    child = start(name, [find_tool("anvil"), "--port", "0", *options, *more], folder)
    try:
        port = until(lambda: _port(child), 30, f"{name} listens")
        assert child.holds(port), f"port {port} is somebody else's"
        yield Anvil(child, port)
    finally:
        child.stop(5)


def dump(anvil: Anvil, path: Path) -> Path:
    """Write the whole chain, transactions included, to a file for `run_anvil(state=…)`."""
    packed = bytes.fromhex(anvil.rpc("anvil_dumpState", True)[2:])
    path.write_bytes(gzip.decompress(packed))
    return path


def deploy(anvil: Anvil, folder: Path) -> Path:
    """Deploy all contracts with Ape, as `make up` does; the path of the deployments file."""
    command = [sys.executable, "-m", "scripts.deploy", "--rpc", anvil.url, "--folder", str(folder)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    assert result.returncode == 0, f"scripts.deploy failed:\n{result.stdout}{result.stderr}"
    return folder / f"{CHAIN_ID}.json"


def _port(child: Child) -> int:
    child.require_running()
    found = _LISTENING.search(child.log())
    return int(found[1]) if found else 0
