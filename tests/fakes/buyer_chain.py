"""The chain as a buyer sees it: one token, asked by JSON-RPC in an httpx transport."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx
from eth_utils.crypto import keccak

from agent.chain import AUTHORIZATION_USED, TRANSFER
from agent.clock import ManualClock
from protocol.payment import Payment
from protocol.typed_data import Transfer
from scripts.accounts import account
from tests.fakes.blocks import Sent, decode_transaction

RPC = "http://rpc.test"
NETWORK = "eip155:31337"
TOKEN = account("settler").address
NUMBERS = {"eth_getBalance": 0, "eth_getTransactionCount": 7, "eth_estimateGas": 40_000, "eth_maxPriorityFeePerGas": 1}
"""What a node answers whatever it is asked about."""


@dataclass
class FakeChain:
    """A token with EIP-3009, asked by JSON-RPC at `RPC`.

    `allowed` is what Permit2 may move; `sent` are the transactions that were broadcast, mined at once and with success,
    unless `mines` or `takes_approvals` says otherwise; `coins` is what the buyer can pay gas with, in wei.
    """

    clock: ManualClock
    decimals: int = 6
    chain_id: int = 31337
    down: bool = False
    balances: dict[str, int] = field(default_factory=dict)
    used: set[tuple[str, str]] = field(default_factory=set)
    allowed: int = 0
    inputs: dict[str, str] = field(default_factory=dict)
    mined: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    mines: bool = True
    takes_approvals: bool = True
    coins: int = 10**18

    def move(self, transfer: Transfer, value: int | None = None) -> str:
        """Settle an authorization once; returns the transaction. `value` lies about the amount."""
        nonce = "0x" + transfer.nonce.hex()
        if (transfer.payer, nonce) in self.used:
            raise ValueError("authorization is used")
        self.used.add((transfer.payer, nonce))
        amount = transfer.value if value is None else value
        transaction = "0x" + keccak(nonce.encode() + transfer.payer.encode()).hex()
        logs = [
            _log([AUTHORIZATION_USED, _word(transfer.payer), nonce], "0x"),
            _log([TRANSFER, _word(transfer.payer), _word(transfer.to)], "0x" + amount.to_bytes(32, "big").hex()),
        ]
        self.mined[transaction] = {"status": "0x1", "blockNumber": hex(len(self.mined) + 1), "logs": logs}
        for address, change in ((transfer.payer, -amount), (transfer.to, amount)):
            self.balances[address] = self.balances.get(address, 0) + change
        return transaction

    def permit(self, payment: Payment, value: int) -> str:
        """Settle so much of a permit, once, by the proxy; returns the transaction."""
        transaction = self.move(payment.transfer, value)
        self.mined[transaction]["logs"] = self.mined[transaction]["logs"][1:]
        self.inputs[transaction] = "0x" + payment.nonce.hex()
        self.allowed -= value
        return transaction

    def handle(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("refused", request=request)
        call = json.loads(request.content)
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": 1, "result": self._result(call)})

    def _result(self, call: dict[str, Any]) -> Any:
        method, params = call["method"], call["params"]
        if method == "eth_chainId":
            return hex(self.chain_id)
        if method == "eth_getTransactionReceipt":
            return self.mined.get(params[0])
        if method == "eth_getBlockByNumber":
            now = hex(int(self.clock.now().timestamp()))
            return {"number": "0x64", "timestamp": now, "baseFeePerGas": hex(10**9)}
        if method == "eth_getTransactionByHash":
            return {"input": self.inputs.get(params[0], "0x")}
        if method == "eth_sendRawTransaction":
            return self._send(decode_transaction(bytes.fromhex(params[0][2:])))
        if method in NUMBERS:
            return hex(self.coins if method == "eth_getBalance" else NUMBERS[method])
        data = params[0]["data"]
        words = [data[10 + 64 * i : 74 + 64 * i] for i in range((len(data) - 10) // 64)]
        if data.startswith("0x" + keccak(b"decimals()")[:4].hex()):
            return hex(self.decimals)
        holder = next((a for a in {*self.balances, *(p for p, _ in self.used)} if a.lower()[2:] == words[0][24:]), "")
        if data.startswith("0x" + keccak(b"allowance(address,address)")[:4].hex()):
            return hex(self.allowed)
        if data.startswith("0x" + keccak(b"nonceBitmap(address,uint256)")[:4].hex()):
            spent = [int(nonce, 16) for payer, nonce in self.used if payer == holder]
            return hex(sum(1 << nonce % 256 for nonce in spent if nonce // 256 == int(words[1], 16)))
        if data.startswith("0x" + keccak(b"balanceOf(address)")[:4].hex()):
            return hex(self.balances.get(holder, 0))
        return hex(int((holder, "0x" + words[1]) in self.used))

    def _send(self, sent: Sent) -> str:
        """An approval."""
        self.sent.append(sent)
        if self.mines:
            status = hex(int(self.takes_approvals))
            self.mined[sent.hash] = {"status": status, "blockNumber": hex(len(self.mined) + 1), "logs": []}
        if self.mines and self.takes_approvals:
            self.allowed = int.from_bytes(sent.data[-32:], "big")
        return sent.hash


def _log(topics: list[str], data: str) -> dict[str, Any]:
    return {"address": TOKEN.lower(), "topics": topics, "data": data}


def _word(address: str) -> str:
    return "0x" + address[2:].lower().rjust(64, "0")
