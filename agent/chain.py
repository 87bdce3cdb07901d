"""Reading one EVM chain by JSON-RPC: the only word that settles what a payment became."""

from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
from eth_abi.abi import encode

from agent.errors import ChainUnavailable, Reverted
from agent.models import Signed
from protocol.escrow import GIVEN_BACK
from protocol.hashing import keccak
from protocol.networks import caip2
from protocol.payment import PERMIT2, Method
from protocol.signatures import parse_address

TRANSFER = "0x" + keccak(b"Transfer(address,address,uint256)").hex()
AUTHORIZATION_USED = "0x" + keccak(b"AuthorizationUsed(address,bytes32)").hex()
PAYMENT_EXECUTED = "0x" + keccak(b"PaymentExecuted(bytes32,address,address,address,uint256,bytes32)").hex()
"""An executor's: order, payer and target as topics; token, amount and nonce as words of data."""


@dataclass(frozen=True, slots=True)
class Log:
    """One event, as the node gives it: address checksummed, topics and data lower-case 0x-hex."""

    address: str
    topics: tuple[str, ...]
    data: str


@dataclass(frozen=True, slots=True)
class Mined:
    """A mined transaction: whether it succeeded, where, and what it logged."""

    hash: str
    success: bool
    block: int
    logs: tuple[Log, ...]


class Chain:
    """Every method may raise ChainUnavailable, and may then be called again. Addresses in any case, 0x-hex.

    `finality` is the block tag on which a nonce is called unused: `finalized`, or `latest` on a devnet.
    """

    def __init__(self, client: httpx.Client, url: str, finality: str = "finalized") -> None:
        self._client, self._url, self._finality = client, url, finality
        self._network: str | None = None

    def require(self, network: str) -> None:
        """The RPC serves this network (CAIP-2); raises ChainUnavailable for another."""
        served = self.network()
        if served != network:
            raise ChainUnavailable(
                f"the RPC serves {served}, not {network}", "set PADDOCK_AGENT_RPC to an RPC of that network"
            )

    def network(self) -> str:
        """The network (CAIP-2) that the RPC serves; asked once."""
        if self._network is None:
            self._network = caip2(int(self.ask("eth_chainId"), 16))
        return self._network

    def transaction(self, transaction: str) -> Mined | None:
        """A mined transaction; None while the node knows of none."""
        found = self.ask("eth_getTransactionReceipt", transaction)
        if found is None:
            return None
        try:
            logs = tuple(
                Log(parse_address(log["address"], "log"), tuple(t.lower() for t in log["topics"]), log["data"].lower())
                for log in found["logs"]
            )
            return Mined(transaction, int(found["status"], 16) == 1, int(found["blockNumber"], 16), logs)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ChainUnavailable("the RPC answers a transaction in a shape that is not Ethereum's") from error

    def authorization_used(self, signed: Signed) -> bool:
        """The nonce was used, or cancelled, as the token or Permit2 has it now."""
        return self._nonce_used(signed, "latest")

    def used_at(self, signed: Signed, block: int) -> bool:
        """The nonce was used, or cancelled, when that block ended."""
        return self._nonce_used(signed, hex(block))

    def authorization_dead(self, signed: Signed) -> bool:
        """It can never be spent: at finality the chain's time has passed its validity and the nonce is unused.

        Permit2 takes it in its last second too, and on some chains several blocks are of one second.
        """
        block = self.ask("eth_getBlockByNumber", self._finality, False)
        try:
            number, time = block["number"], int(block["timestamp"], 16)
        except (KeyError, TypeError, ValueError) as error:
            raise ChainUnavailable("the RPC answers a block in a shape that is not Ethereum's") from error
        return time > signed.valid_before and not self._nonce_used(signed, number)

    def used_in(self, signed: Signed, mined: Mined) -> bool:
        """Whether a transaction used this very authorization.

        By EIP-3009 the token's event says so. By Permit2 the nonce is used now, and the executor's event names it, or
        else the call does: there is no other trace of it.
        """
        if signed.method is Method.EIP3009:
            return mined.success and authorizations(mined, signed.asset, signed.payer).count(signed.nonce) == 1
        if not mined.success or not self.authorization_used(signed):
            return False
        if signed.executed:
            return signed.nonce in executions(mined, signed)
        return signed.nonce[2:] in self.input(mined.hash)

    def input(self, transaction: str) -> str:
        """What a transaction was called with, lower-case 0x-hex: a permit's nonce stands nowhere else."""
        found = self.ask("eth_getTransactionByHash", transaction)
        return str(found["input"]).lower() if isinstance(found, dict) and "input" in found else "0x"

    def allowance(self, asset: str, owner: str, spender: str) -> int:
        """How much the owner lets the spender move, in atomic units."""
        return self._number(asset, call_data("allowance(address,address)", owner, spender), "latest")

    def balance(self, asset: str, address: str) -> int:
        """ERC-20 balance in atomic units."""
        return self._number(asset, call_data("balanceOf(address)", address), "latest")

    def final_block(self) -> int:
        """The number of the newest block that is taken as final."""
        return self._counted("eth_getBlockByNumber", self._finality, False, member="number")

    def transactions_of(self, address: str) -> int:
        """How many transactions of a key are final: the place of the next one among them."""
        return self._counted("eth_getTransactionCount", address, self._finality)

    def call(self, contract: str, data: str) -> str:
        """What a function of a contract answers now, 0x-hex. Raises Reverted where it refuses."""
        return str(self.ask("eth_call", {"to": contract, "data": data}, "latest"))

    def run(self, code: bytes) -> str:
        """What code that is in no contract answers now, 0x-hex: as a node runs it to make one, and makes none."""
        return str(self.ask("eth_call", {"data": "0x" + code.hex()}, "latest"))

    def has_code(self, address: str) -> bool:
        """Whether a contract is there now."""
        return str(self.ask("eth_getCode", address, "latest")) not in ("0x", "0x0")

    def decimals(self, asset: str) -> int:
        """ERC-20 decimals."""
        return self._number(asset, call_data("decimals()"), "latest")

    def _nonce_used(self, signed: Signed, block: str) -> bool:
        if signed.method is Method.PERMIT2:
            place, bit = divmod(int(signed.nonce, 16), 256)
            data = call_data("nonceBitmap(address,uint256)", signed.payer, hex(place))
            return bool(self._number(PERMIT2, data, block) >> bit & 1)
        data = call_data("authorizationState(address,bytes32)", signed.payer, signed.nonce)
        return self._number(signed.asset, data, block) != 0

    def _number(self, contract: str, data: str, block: str) -> int:
        answer = self.ask("eth_call", {"to": contract, "data": data}, block)
        try:
            return int(answer, 16)
        except (TypeError, ValueError) as error:
            raise ChainUnavailable(f"{contract} does not answer like a token on this chain") from error

    def _counted(self, method: str, *parameters: Any, member: str = "") -> int:
        answer = self.ask(method, *parameters)
        try:
            return int(answer[member] if member else answer, 16)
        except (KeyError, TypeError, ValueError) as error:
            raise ChainUnavailable(f"the RPC answers {method} in a shape that is not Ethereum's") from error

    def ask(self, method: str, *parameters: Any) -> Any:
        """The result of any method, as the node gives it."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        try:
            response = self._client.post(self._url, json=request, follow_redirects=False)
            answer = msgspec.json.decode(response.content)
        except (httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError) as error:
            raise ChainUnavailable(
                f"the RPC at {self._url} does not answer ({type(error).__name__})",
                "start the chain, or set PADDOCK_AGENT_RPC",
            ) from error
        if not isinstance(answer, dict) or "result" not in answer:
            raise _refusal(method, answer)
        return answer["result"]


def _refusal(method: str, answer: Any) -> ChainUnavailable:
    """The error that an RPC's error is."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(error, dict) and (error.get("code") == 3 or "revert" in str(error.get("message"))):
        data = error.get("data")
        return Reverted(f"the contract refuses {method}", data if isinstance(data, str) else "0x")
    return ChainUnavailable(f"the RPC refuses {method}", "check that it is an Ethereum JSON-RPC")


def transfers(mined: Mined, asset: str, sender: str | None, recipient: str) -> list[int]:
    """Amounts of the asset's Transfer events to `recipient` (from `sender`, where one is given), in order."""
    found = []
    for log in mined.logs:
        if log.address != parse_address(asset, "asset") or len(log.topics) != 3 or log.topics[0] != TRANSFER:
            continue
        if log.topics[2] == _word(recipient) and sender in (None, _address(log.topics[1])):
            found.append(int(log.data, 16))
    return found


def given_back(mined: Mined, contract: str, order: str) -> bool:
    """Whether a contract that held an order's payment says that it gave it back."""
    said = ("0x" + GIVEN_BACK.hex(), order)
    return mined.success and any(log.address == contract and log.topics[:2] == said for log in mined.logs)


def authorizations(mined: Mined, asset: str, authorizer: str) -> list[str]:
    """Nonces (0x-hex) of the authorizer's EIP-3009 authorizations that the transaction used."""
    return [
        log.topics[2]
        for log in mined.logs
        if log.address == parse_address(asset, "asset")
        and len(log.topics) == 3
        and log.topics[0] == AUTHORIZATION_USED
        and log.topics[1] == _word(authorizer)
    ]


def executions(mined: Mined, signed: Signed) -> list[str]:
    """Nonces (0x-hex) that the executor which is paid names as used, for payments of just that amount."""
    told = _word(signed.asset) + _word(hex(signed.amount))[2:]
    return [
        "0x" + log.data[len(told) :]
        for log in mined.logs
        if log.address == parse_address(signed.pay_to, "executor")
        and log.topics[:1] == (PAYMENT_EXECUTED,)
        and log.data.startswith(told)
    ]


def call_data(signature: str, *words: str) -> str:
    """A call of a function whose arguments are single words: addresses, hashes or numbers, 0x-hex."""
    return "0x" + keccak(signature.encode())[:4].hex() + "".join(_word(word)[2:] for word in words)


def encode_call(signature: str, *values: object) -> bytes:
    """A call of a function by its canonical signature, with arguments of any type but tuples."""
    kinds = signature[signature.index("(") + 1 : -1].split(",")
    return keccak(signature.encode())[:4] + encode(kinds, values)


def _word(text: str) -> str:
    """An address or hash as a 32-byte word in lower-case 0x-hex."""
    return "0x" + text[2:].lower().rjust(64, "0")


def _address(word: str) -> str:
    return parse_address("0x" + word[-40:], "log")
