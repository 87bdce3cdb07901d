"""The stub: a process that answers JSON-RPC at once where payments are concerned, on top of a devnet's state.

Payments are not executed: whatever is signed moves, once, and is in a block when its transaction was taken. What has
nothing to do with payments goes to the devnet, and what that mines gets a block here.
"""

import argparse
import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from protocol.hashing import keccak
from protocol.signatures import checksummed
from protocol.typed_data import word
from scripts import rpc
from scripts.bench.stub_calls import Sent, payments, sent
from scripts.bench.stub_chain import GAS, GAS_OF_ITEM, GAS_PRICE, JSON, Block, StubChain, shown
from scripts.bench.wire import HOST
from server.domain import calls

KEPT = ("eth_chainId", "net_version", "web3_clientVersion", "eth_getCode", "eth_getBalance")
"""What the devnet is asked for once only: nothing that happens here changes it."""
BALANCE_OF, AUTHORIZATION_STATE = (
    keccak(text)[:4] for text in (b"balanceOf(address)", b"authorizationState(address,bytes32)")
)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class Node:
    """Answers each method; `devnet` is asked in threads, so that nobody else waits for it."""

    def __init__(self, devnet: str, chain: StubChain) -> None:
        self._devnet, self._chain = devnet, chain
        self._kept: dict[str, asyncio.Task[Any]] = {}
        self._methods: dict[str, Callable[..., Awaitable[Any]]] = {
            "eth_blockNumber": self._block_number,
            "eth_gasPrice": self._gas_price,
            "eth_maxPriorityFeePerGas": self._gas_price,
            "eth_getBlockByNumber": self._block,
            "eth_getTransactionCount": self._count,
            "eth_getTransactionReceipt": self._receipt,
            "eth_sendRawTransaction": self._send,
            "eth_estimateGas": self._estimate,
            "eth_fillTransaction": self._fill,
            "eth_getLogs": self._logs,
            "eth_call": self._call,
        }

    async def answer(self, asked: JSON) -> JSON:
        """One JSON-RPC answer."""
        self._chain.catch_up(time.time())
        told = {"jsonrpc": "2.0", "id": asked.get("id")}
        method, given = asked["method"], asked.get("params") or []
        try:
            own = self._methods.get(method)
            if own:
                return told | {"result": await own(*given)}
            return told | {"result": await (self._keep if method in KEPT else self._ask)(method, *given)}
        except rpc.RpcRefusal as error:
            data = {"data": "0x" + error.data.hex()} if error.data else {}
            return told | {"error": {"code": 3 if error.data else -32000, "message": str(error)} | data}

    async def _ask(self, method: str, *given: Any) -> Any:
        return await asyncio.to_thread(rpc.call, self._devnet, method, *given)

    async def _keep(self, method: str, *given: Any) -> Any:
        """The devnet's answer, asked for once."""
        key = json.dumps([method, *given])
        if key not in self._kept:
            self._kept[key] = asyncio.create_task(self._ask(method, *given))
        return await self._kept[key]

    def _number(self, tag: str | None) -> int:
        """A block's number; `latest` and `pending` are the newest."""
        if tag == "earliest":
            return 0
        return int(tag, 16) if tag and tag.startswith("0x") else self._chain.newest.number

    def _there(self, tag: str | None) -> str:
        """What the devnet calls that block; one of ours is its newest."""
        number = self._number(tag)
        return hex(number) if number <= self._chain.base.number else "latest"

    async def _block_number(self) -> str:
        return hex(self._chain.newest.number)

    async def _gas_price(self) -> str:
        return hex(GAS_PRICE)

    async def _block(self, tag: str, whole: bool = False) -> JSON | None:
        number = self._number(tag)
        if number <= self._chain.base.number:
            found: JSON = await self._ask("eth_getBlockByNumber", hex(number), whole)
            return found
        block = self._chain.at(number)
        return shown(block) if block else None

    async def _count(self, address: str, tag: str = "latest") -> str:
        """The devnet's count is asked for until the first payment; who sends payments sends them only."""
        address = checksummed(address)
        own = self._chain.sent(address, self._number(tag))
        if not self._chain.sent(address, self._chain.newest.number):
            return str(await self._ask("eth_getTransactionCount", address, self._there(tag)))
        return hex(int(await self._keep("eth_getTransactionCount", address, "latest"), 16) + own)

    async def _receipt(self, transaction: str) -> JSON | None:
        return self._chain.receipts.get(transaction.lower()) or await self._ask(
            "eth_getTransactionReceipt", transaction
        )

    async def _send(self, raw: str) -> str:
        transaction = sent(bytes.fromhex(raw[2:]))
        if transaction.hash in self._chain.receipts:
            raise rpc.RpcRefusal("already known", None)
        moved = payments(transaction.data)
        if moved:
            await self._keep("eth_getTransactionCount", transaction.sender, "latest")
            self._chain.pay(transaction, moved, time.time())
        else:
            await self._mirror(transaction, raw)
        return transaction.hash

    async def _mirror(self, transaction: Sent, raw: str) -> None:
        """Have the devnet execute it, and put what came of it into a block here."""
        found: JSON = await self._ask("eth_sendRawTransactionSync", raw)
        logs = [{name: one[name] for name in ("address", "topics", "data")} for one in found["logs"]]
        self._chain.mine(transaction, logs, int(found["status"], 16), int(found["gasUsed"], 16), time.time())

    async def _estimate(self, call: JSON, *more: Any) -> str:
        moved = payments(data_of(call))
        if not moved:
            return str(await self._ask("eth_estimateGas", call))
        self._require_unused(moved[0].payer, moved[0].nonce)
        return hex(GAS if len(moved) == 1 else GAS_OF_ITEM * len(moved))

    async def _fill(self, call: JSON) -> JSON:
        """What a transaction still needs; the one side that asks for it signs that itself."""
        if not payments(data_of(call)):
            filled: JSON = await self._ask("eth_fillTransaction", call)
            return filled
        own = {
            "type": "0x2",
            "chainId": await self._keep("eth_chainId"),
            "nonce": call.get("nonce") or await self._count(call["from"]),
            "gas": await self._estimate(call),
            "maxFeePerGas": hex(2 * GAS_PRICE),
            "maxPriorityFeePerGas": hex(GAS_PRICE),
            "value": "0x0",
            "input": "0x" + data_of(call).hex(),
            "accessList": [],
        }
        return {"raw": "0x", "tx": own | {"from": call["from"], "to": call["to"]}}

    async def _logs(self, query: JSON) -> list[JSON]:
        first, last, base = self._number(query.get("fromBlock")), self._number(query.get("toBlock")), self._chain.base
        own = list(self._chain.logs(first, last, query))
        if first > base.number:
            return own
        before = query | {"fromBlock": hex(first), "toBlock": hex(min(last, base.number))}
        return [*await self._keep("eth_getLogs", before), *own]

    async def _call(self, call: JSON, tag: str = "latest", *more: Any) -> str:
        data, to = data_of(call), call["to"].lower()
        if moved := payments(data):
            self._require_unused(moved[0].payer, moved[0].nonce)
            return "0x"
        if to != self._chain.token.lower() or data[:4] not in (BALANCE_OF, AUTHORIZATION_STATE):
            return str(await self._ask("eth_call", call, self._there(tag), *more))
        address = calls.address_in(data[4:36])
        if data[:4] == AUTHORIZATION_STATE:
            return "0x" + word((address, data[36:68]) in self._chain.used).hex()
        before = await self._keep("eth_call", {"to": call["to"], "data": "0x" + data.hex()}, "latest")
        return "0x" + word(int(before, 16) + self._chain.moved(address, self._number(tag))).hex()

    def _require_unused(self, payer: str, nonce: bytes) -> None:
        if (payer, nonce) in self._chain.used:
            raise rpc.RpcRefusal("execution reverted: authorization is used", None)


def data_of(call: JSON) -> bytes:
    """What is called with; newer clients say `input`."""
    return bytes.fromhex((call.get("data") or call.get("input") or "0x")[2:])


class Wire(asyncio.Protocol):
    """HTTP/1.1, as far as clients of JSON-RPC use it."""

    def __init__(self, node: Node) -> None:
        self._node, self._received = node, b""
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, empty, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if empty and length and len(body) >= int(length[1]):
            self._received = body[int(length[1]) :]
            task = asyncio.create_task(self._reply(json.loads(body[: int(length[1])])))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _reply(self, asked: JSON | list[JSON]) -> None:
        many = isinstance(asked, list)
        told = [await self._node.answer(one) for one in (asked if isinstance(asked, list) else [asked])]
        body = json.dumps(told if many else told[0]).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


def on_top_of(devnet: str, token: str) -> StubChain:
    """A chain that goes on after the devnet's newest block."""
    newest = rpc.call(devnet, "eth_getBlockByNumber", "latest", False)
    number, when = int(newest["number"], 16), int(newest["timestamp"], 16)
    return StubChain(checksummed(token), Block(number, newest["hash"], newest["parentHash"], when, (), ()))


async def serve(port: int, devnet: str, token: str) -> None:
    """For ever."""
    node = Node(devnet, on_top_of(devnet, token))
    server = await asyncio.get_running_loop().create_server(lambda: Wire(node), HOST, port)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--devnet", required=True, help="its JSON-RPC")
    parser.add_argument("--token", required=True, help="the address of what payments move")
    given = parser.parse_args()
    asyncio.run(serve(given.port, given.devnet, given.token))


if __name__ == "__main__":
    main()
