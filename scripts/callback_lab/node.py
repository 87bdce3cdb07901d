"""The devnet that a lab runs on: calls, transactions, traces, and what anvil alone can do."""

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.callback_lab.errors import LabError
from scripts.children import start, wait_for
from scripts.rpc import RpcRefusal, call
from scripts.solc.foundry import find_tool

DEVNET = 31337
GAS = 10_000_000
WEI = 10**18
OPTIONS = ("--port", "0", "--gas-limit", "60000000")
_LISTENING = re.compile(r"Listening on 127\.0\.0\.1:(\d+)")
MINED_WITHIN = 20.0


@dataclass(frozen=True, slots=True)
class Transaction:
    """A call from any account; anvil needs no key for it. Without `to` it is a deployment."""

    sender: str
    to: str | None
    data: bytes
    gas: int = GAS

    def fields(self) -> dict[str, str]:
        """As JSON-RPC has it."""
        given = {"from": self.sender, "data": "0x" + self.data.hex(), "gas": hex(self.gas)}
        return given if self.to is None else given | {"to": self.to}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call returned, or reverted with."""

    succeeded: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Log:
    """An event as the chain has it."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction in a block."""

    succeeded: bool
    gas_used: int
    contract: str | None
    logs: tuple[Log, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """An anvil by its URL. Everything raises RpcError when it does not answer."""

    url: str

    def rpc(self, method: str, *parameters: Any) -> Any:
        """One JSON-RPC call."""
        return call(self.url, method, *parameters)

    def ask(self, transaction: Transaction) -> Outcome:
        """What the transaction would do now; changes nothing."""
        try:
            answer = self.rpc("eth_call", transaction.fields(), "latest")
        except RpcRefusal as refusal:
            return Outcome(False, refusal.data)
        return Outcome(True, bytes.fromhex(answer[2:]))

    def send(self, transaction: Transaction) -> Mined:
        """The transaction in a block of the chain, whether or not it succeeded. Raises LabError if it never gets in."""
        self.rpc("anvil_setBalance", transaction.sender, hex(100 * WEI))
        name = self.rpc("eth_sendTransaction", transaction.fields())
        until = time.monotonic() + MINED_WITHIN
        while (receipt := self.rpc("eth_getTransactionReceipt", name)) is None:
            if time.monotonic() > until:
                raise LabError(f"the devnet mined nothing for {MINED_WITHIN:.0f} s: start it with --mixed-mining")
            time.sleep(0.02)
        logs = tuple(_log(row) for row in receipt["logs"])
        return Mined(receipt["status"] == "0x1", int(receipt["gasUsed"], 16), receipt["contractAddress"], logs)

    def trace(self, transaction: Transaction) -> dict[str, Any]:
        """The tree of calls that the transaction would make now."""
        answer: dict[str, Any] = self.rpc("debug_traceCall", transaction.fields(), "latest", {"tracer": "callTracer"})
        return answer

    def code(self, address: str) -> bytes:
        """The code at an address."""
        return bytes.fromhex(self.rpc("eth_getCode", address, "latest")[2:])

    def etch(self, address: str, code: bytes) -> None:
        """Put code at an address; its storage stays."""
        self.rpc("anvil_setCode", address, "0x" + code.hex())

    def storage_hash(self, address: str) -> str:
        """One hash over all that a contract remembers."""
        return str(self.rpc("eth_getProof", address, [], "latest")["storageHash"])

    def now(self) -> int:
        """Seconds, by the newest block."""
        return int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def travel(self, seconds: int) -> None:
        """Move the chain's clock forward, and mine a block there."""
        self.rpc("evm_increaseTime", seconds)
        self.rpc("anvil_mine", "0x1")

    def height(self) -> int:
        """The number of the newest block."""
        return int(self.rpc("eth_blockNumber"), 16)

    def reorganise(self, height: int) -> None:
        """Replace every block above that one by an empty one, on a chain that mines by itself meanwhile too."""
        first = self._hash(height + 1)
        while self._hash(height + 1) == first:  # a block that came in between would make the depth too small by one
            self.rpc("anvil_reorg", self.height() - height, [])

    def _hash(self, number: int) -> str:
        return str(self.rpc("eth_getBlockByNumber", hex(number), False)["hash"])

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Whatever happens in here has not happened afterwards."""
        mark = self.rpc("evm_snapshot")
        try:
            yield
        finally:
            self.rpc("evm_revert", mark)


@contextmanager
def open_node(url: str | None) -> Iterator[Node]:
    """The node at `url`, left as it was found, or a fresh anvil of our own. Raises LabError unless it is a devnet."""
    if url is None:
        with tempfile.TemporaryDirectory() as folder, _anvil(Path(folder)) as node:
            yield _playing(node)
        return
    node = Node(url)
    _require_devnet(node)
    with node.undone():
        yield _playing(node)
    node.rpc("anvil_autoImpersonateAccount", False)


def _playing(node: Node) -> Node:
    """The node, taking transactions from every account."""
    node.rpc("anvil_autoImpersonateAccount", True)
    return node


def _require_devnet(node: Node) -> None:
    """The battery forges balances and code: nowhere else than on a devnet."""
    client, chain = str(node.rpc("web3_clientVersion")), int(node.rpc("eth_chainId"), 16)
    if "anvil" not in client.lower() or chain != DEVNET:
        raise LabError(
            f"{node.url} is {client} on chain {chain}, and no devnet: the lab runs on an anvil of chain {DEVNET}; "
            "leave --rpc away and it starts one"
        )


@contextmanager
def _anvil(folder: Path) -> Iterator[Node]:
    log = folder / "anvil.log"
    process = start([str(find_tool("anvil")), *OPTIONS, "--cache-path", str(folder)], log, {}, detach=False)
    try:
        wait_for("anvil", process, log, lambda: bool(_LISTENING.search(log.read_text())), 30)
        found = _LISTENING.search(log.read_text())
        assert found
        yield Node(f"http://127.0.0.1:{found[1]}")
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _log(row: dict[str, Any]) -> Log:
    topics = tuple(bytes.fromhex(topic[2:]) for topic in row["topics"])
    return Log(row["address"], topics, bytes.fromhex(row["data"][2:]))
