"""The chain as a buyer sees it: one token, asked by JSON-RPC in an httpx transport."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from eth_abi.abi import decode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from agent.cancellations import CANCELED, INVALIDATED
from agent.chain import AUTHORIZATION_USED, PAYMENT_EXECUTED, TRANSFER
from agent.clock import ManualClock
from protocol.payment import PERMIT2, Method, Payment
from protocol.typed_data import Transfer
from scripts.accounts import account
from tests.fakes.blocks import Sent, decode_transaction

RPC = "http://rpc.test"
NETWORK = "eip155:31337"
TOKEN = account("settler").address
NUMBERS = {"eth_getBalance": 0, "eth_getTransactionCount": 0, "eth_estimateGas": 40_000, "eth_maxPriorityFeePerGas": 1}
"""What a node answers whatever it is asked about."""
IS_VALID = "0x" + keccak(b"isValidSignature(bytes32,bytes)")[:4].hex()
BY_BYTES = "0x" + keccak(b"transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)")[:4].hex()


class RefusedCall(Exception):
    """A call that reverts; what with, in 0x-hex."""


@dataclass
class FakeChain:
    """A token with EIP-3009, asked by JSON-RPC at `RPC`.

    `allowed` is what Permit2 may move; `sent` are the transactions that were broadcast, mined at once and with success,
    unless `mines` or `takes_approvals` says otherwise; `coins` is what the buyer can pay gas with, in wei. `accounts`
    are contracts that say which signatures over a digest are theirs; the token hears of them if it `takes_bytes`. Those
    in `unmade` come to be when a factory is called with that.
    `count` is the number of the buyer's transactions, `final` the newest final block, `used_at` the blocks of nonces.
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
    count: int = 7
    final: int = 100
    used_at: dict[tuple[str, str], int] = field(default_factory=dict)
    accounts: dict[str, Callable[[bytes, bytes], bool]] = field(default_factory=dict)
    takes_bytes: bool = True
    unmade: dict[bytes, tuple[str, Callable[[bytes, bytes], bool]]] = field(default_factory=dict)

    def move(self, transfer: Transfer, value: int | None = None) -> str:
        """Settle an authorization once; returns the transaction. `value` lies about the amount."""
        nonce = "0x" + transfer.nonce.hex()
        if (transfer.payer, nonce) in self.used:
            raise ValueError("authorization is used")
        self.use(transfer.payer, nonce)
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

    def use(self, payer: str, nonce: str) -> None:
        """A nonce is used up, or cancelled, in the next block."""
        self.used.add((payer, nonce))
        self.used_at[payer, nonce] = len(self.mined) + 1

    def execute(self, payment: Payment) -> str:
        """Settle an atomic payment: the executor hands it on to its target in the same transaction."""
        assert payment.delegated is not None
        transaction = self.move(payment.transfer)
        amount, target = payment.value.to_bytes(32, "big").hex(), payment.delegated.target
        own, logs = ["0x" + payment.delegated.order.hex()], self.mined[transaction]["logs"]
        topics = [PAYMENT_EXECUTED, *own, _word(payment.payer), _word(target)]
        told = _log(topics, _word(payment.asset) + amount + payment.nonce.hex())
        if payment.method is Method.PERMIT2:
            del logs[0]
            self.allowed -= payment.value
        logs.insert(0, told | {"address": payment.to.lower()})
        logs.append(_log([TRANSFER, _word(payment.to), _word(target)], "0x" + amount))
        return transaction

    def permit(self, payment: Payment, value: int) -> str:
        """Settle so much of a permit, once, by the proxy; returns the transaction."""
        self.allowed -= value
        return self.pull(payment.transfer, value)

    def pull(self, transfer: Transfer, value: int | None = None) -> str:
        """The same by Permit2, which logs nothing of its own: the call alone names the nonce."""
        transaction = self.move(transfer, value)
        self.mined[transaction]["logs"] = self.mined[transaction]["logs"][1:]
        self.inputs[transaction] = "0x" + transfer.nonce.hex()
        return transaction

    def handle(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            raise httpx.ConnectError("refused", request=request)
        call = json.loads(request.content)
        try:
            told = {"result": self._result(call)}
        except RefusedCall as refusal:
            told = {"error": {"code": 3, "message": "execution reverted", "data": str(refusal)}}
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": 1} | told)

    def _result(self, call: dict[str, Any]) -> Any:
        method, params = call["method"], call["params"]
        if method == "eth_chainId":
            return hex(self.chain_id)
        if method == "eth_getTransactionReceipt":
            return self.mined.get(params[0])
        if method == "eth_getBlockByNumber":
            now = hex(int(self.clock.now().timestamp()))
            return {"number": hex(self.final), "timestamp": now, "baseFeePerGas": hex(10**9)}
        if method == "eth_getTransactionByHash":
            return {"input": self.inputs.get(params[0], "0x")}
        if method == "eth_sendRawTransaction":
            return self._send(decode_transaction(bytes.fromhex(params[0][2:])))
        if method == "eth_getLogs":
            return self._logs(params[0])
        if method in NUMBERS:
            own = {"eth_getBalance": self.coins, "eth_getTransactionCount": self.count}
            return hex(own.get(method, NUMBERS[method]))
        if method == "eth_getCode":
            return "0x60" if params[0] in self.accounts else "0x"
        data = params[0]["data"]
        if "to" not in params[0]:
            return self._tried(data)
        if data.startswith(IS_VALID):
            return self._is_valid(params[0]["to"], bytes.fromhex(data[10:]))
        if data.startswith(BY_BYTES):
            raise RefusedCall("0x0e4d6f6c" if self.takes_bytes else "0x")
        words = [data[10 + 64 * i : 74 + 64 * i] for i in range((len(data) - 10) // 64)]
        if data.startswith("0x" + keccak(b"decimals()")[:4].hex()):
            return hex(self.decimals)
        holder = next((a for a in {*self.balances, *(p for p, _ in self.used)} if a.lower()[2:] == words[0][24:]), "")
        if data.startswith("0x" + keccak(b"allowance(address,address)")[:4].hex()):
            return hex(self.allowed)
        if data.startswith("0x" + keccak(b"nonceBitmap(address,uint256)")[:4].hex()):
            last = 2**64 if params[1] == "latest" else int(params[1], 16)
            used = [one for one in self.used if one[0] == holder and self.used_at.get(one, 0) <= last]
            spent = [int(nonce, 16) for _, nonce in used]
            return hex(sum(1 << nonce % 256 for nonce in spent if nonce // 256 == int(words[1], 16)))
        if data.startswith("0x" + keccak(b"balanceOf(address)")[:4].hex()):
            return hex(self.balances.get(holder, 0))
        return hex(int((holder, "0x" + words[1]) in self.used))

    def _is_valid(self, account: str, arguments: bytes) -> str:
        """ERC-1271's answer; none at all where there is no contract."""
        if account not in self.accounts:
            return "0x"
        digest, signature = decode(["bytes32", "bytes"], arguments)
        return "0x" + ("1626ba7e" if self.accounts[account](digest, signature) else "ffffffff") + "00" * 28

    def _tried(self, code: str) -> str:
        """What the account that code makes says to the question that comes last in it; zeros where it makes none."""
        made = [account for call, account in self.unmade.items() if call.hex() in code]
        _, digest_and_signature = code.rsplit(IS_VALID[2:], 1)
        digest, signature = decode(["bytes32", "bytes"], bytes.fromhex(digest_and_signature))
        is_own = any(address[2:].lower() in code and owns(digest, signature) for address, owns in made)
        return "0x" + ("1626ba7e" if is_own else "00000000") + "00" * 28

    def _logs(self, where: dict[str, Any]) -> list[dict[str, Any]]:
        """Those of one block with these topics in the beginning."""
        wanted = [topic.lower() for topic in where["topics"]]
        found = [log for one in self.mined.values() if one["blockNumber"] == where["fromBlock"] for log in one["logs"]]
        return [log for log in found if [topic.lower() for topic in log["topics"]][: len(wanted)] == wanted]

    def _send(self, sent: Sent) -> str:
        """An approval, a transfer, or a cancellation: by the wallet, or by an account whose owner it is."""
        if sent in self.sent:
            raise RefusedCall("0x")
        self.sent.append(sent)
        if self.mines:
            status = hex(int(self.takes_approvals))
            logs = self._run(sent.sender, sent.data) if self.takes_approvals else []
            self.mined[sent.hash] = {"status": status, "blockNumber": hex(len(self.mined) + 1), "logs": logs}
        return sent.hash

    def _run(self, sender: str, data: bytes) -> list[dict[str, Any]]:
        """What a call of the token, or of Permit2, does and logs."""
        if data[:4] == _selector("execute(address,bytes)"):
            return self._run(next(iter(self.accounts)), decode(["address", "bytes"], data[4:])[1])
        words = [data[4 + 32 * i : 36 + 32 * i] for i in range((len(data) - 4) // 32)]
        if data[:4] == _selector("transfer(address,uint256)"):
            to, amount = "0x" + words[0][12:].hex(), int.from_bytes(words[1], "big")
            self.balances[sender] = self.balances.get(sender, 0) - amount
            return [_log([TRANSFER, _word(sender), _word(to)], "0x" + words[1].hex())]
        if data[:4] == _selector("invalidateUnorderedNonces(uint256,uint256)"):
            bit = int.from_bytes(words[1], "big").bit_length() - 1
            nonce = f"0x{int.from_bytes(words[0], 'big') << 8 | bit:064x}"
            if (sender, nonce) not in self.used:
                self.use(sender, nonce)
            told = _log([INVALIDATED, _word(sender)], "0x" + data[4:].hex())
            return [told | {"address": PERMIT2}]
        if data[:4] in CANCELS:
            payer, nonce = str(to_checksum_address(words[0][12:])), "0x" + words[1].hex()
            self.use(payer, nonce)
            return [_log([CANCELED, _word(payer), nonce], "0x")]
        self.allowed = int.from_bytes(data[-32:], "big")
        return []


def _selector(signature: str) -> bytes:
    return keccak(signature.encode())[:4]


CANCELS = {_selector(f"cancelAuthorization(address,bytes32,{form})") for form in ("bytes", "uint8,bytes32,bytes32")}


def _log(topics: list[str], data: str) -> dict[str, Any]:
    return {"address": TOKEN.lower(), "topics": topics, "data": data}


def _word(address: str) -> str:
    return "0x" + address[2:].lower().rjust(64, "0")
