"""One EVM chain over JSON-RPC, by web3."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, cast

import aiohttp
import msgspec
from web3 import AsyncWeb3
from web3.exceptions import (
    ContractLogicError,
    TimeExhausted,
    TransactionNotFound,
    Web3Exception,
    Web3RPCError,
)
from web3.types import TxParams

from protocol.payment import PERMIT2, Method
from server.adapters.logs import Block, Log, Receipt, bytes_in, number
from server.adapters.rpc import HttpProvider
from server.adapters.shared import SharedAnswers
from server.domain import calls
from server.domain.errors import Reverted
from server.domain.evidence import (
    AUTHORIZATION_USED,
    TRANSFER,
    LoggedEvent,
    Mined,
    Spend,
    TransferLog,
    topic,
    transfers_of,
)
from server.domain.outages import ChainUnavailable
from server.ports import Call, Fees

_KNOWN = ("already known", "already imported", "nonce too low", "known transaction")
_HEAD_SECONDS = 1.0
_LOGS = tuple[Log, ...]


class EvmChain:
    """Implements ports.Chain. `finality` is how many blocks must stand on top of one before it counts as final."""

    def __init__(self, rpc_url: str, finality: int, timeout: float = 10.0) -> None:
        self._provider = HttpProvider(rpc_url, timeout)
        self._web3 = AsyncWeb3(self._provider, middleware=[])  # its own ask for the chain id before every call
        self._finality = finality
        self._head: tuple[float, int] = (0.0, 0)
        self._shared = SharedAnswers()

    async def close(self) -> None:
        await self._provider.disconnect()

    async def chain_id(self) -> int:
        async with _reading("eth_chainId"):
            return await self._quantity("eth_chainId")

    async def client_version(self) -> str:
        async with _reading("web3_clientVersion"):
            return str(await self._web3.client_version)

    async def block_number(self) -> int:
        async with _reading("eth_blockNumber"):
            newest = await self._quantity("eth_blockNumber")
            self._head = (time.monotonic(), newest)
            return newest

    async def recent_block(self) -> int:
        """A block number at most a second old: good enough as a lower bound for searches."""
        read_at, newest = self._head
        return newest if time.monotonic() - read_at < _HEAD_SECONDS else await self.block_number()

    async def final_block(self) -> int:
        return max(0, await self.block_number() - self._finality)

    async def block_time(self, number: int) -> int:
        async with _reading("eth_getBlockByNumber"):
            return (await self._existing(hex(number))).time

    async def balance(self, address: str) -> int:
        async with _reading("eth_getBalance"):
            return await self._quantity("eth_getBalance", address, "latest")

    async def block_hash(self, number: int) -> str | None:
        async with _reading("eth_getBlockByNumber"):
            found = await self._block(hex(number))
            return found.name if found else None

    async def token_balance(self, asset: str, address: str, block: int | None = None) -> int:
        return calls.one_word(await self.call(Call(address, asset, calls.balance_of(address)), block))

    async def allowance(self, asset: str, owner: str, spender: str) -> int:
        return calls.one_word(await self.call(Call(owner, asset, calls.allowance(owner, spender))))

    async def transaction_count(self, address: str, block: int | None = None) -> int:
        async with _reading("eth_getTransactionCount"):
            return await self._quantity("eth_getTransactionCount", address, "latest" if block is None else hex(block))

    async def next_nonce(self, address: str) -> int:
        async with _reading("eth_getTransactionCount"):
            return await self._quantity("eth_getTransactionCount", address, "pending")

    async def code(self, address: str) -> bytes:
        async with _reading("eth_getCode"):
            return bytes(await self._web3.eth.get_code(cast(Any, address)))

    async def nonce_used(self, spend: Spend, block: int | None = None) -> bool:
        if spend.method is Method.PERMIT2:
            bitmap = await self.call(Call(spend.payer, PERMIT2, calls.nonce_bitmap(spend.payer, spend.nonce)), block)
            return bool(calls.one_word(bitmap) >> spend.nonce[-1] & 1)
        call = Call(spend.payer, spend.asset, calls.authorization_state(spend.payer, spend.nonce))
        return calls.one_word(await self.call(call, block)) != 0

    async def call(self, call: Call, block: int | None = None) -> bytes:
        if block is None:
            return await self._call(call, "latest")
        return await self._shared.get((call, block), lambda: self._call(call, block))

    async def _call(self, call: Call, block: int | Literal["latest"]) -> bytes:
        async with _reading("eth_call"):
            asked = [_transaction(call), block if isinstance(block, str) else hex(block)]
            try:
                return bytes_in(await self._provider.ask(str, "eth_call", asked) or "")
            except Web3RPCError:  # web3 knows how each node says that a call reverted
                return bytes(await self._web3.eth.call(_transaction(call), block))

    async def preview(self, call: Call, code: Mapping[str, bytes]) -> bytes:
        overrides: Any = {address: {"code": "0x" + there.hex()} for address, there in code.items()}
        async with _reading("eth_call"):
            return bytes(await self._web3.eth.call(_transaction(call), "latest", overrides))

    async def estimate_gas(self, call: Call) -> int:
        async with _reading("eth_estimateGas"):
            try:
                return await self._quantity("eth_estimateGas", _transaction(call))
            except Web3RPCError:
                return _number(await self._web3.eth.estimate_gas(_transaction(call)))

    async def fees(self) -> Fees:
        async with _reading("eth_getBlockByNumber"):
            newest, priority = await asyncio.gather(self._existing("latest"), self._priority())
        return Fees(2 * newest.base_fee + priority, priority)

    async def _priority(self) -> int:
        try:
            return await self._quantity("eth_maxPriorityFeePerGas")
        except Web3RPCError:  # not every node has it: web3 looks at what the last blocks paid
            return _number(await self._web3.eth.max_priority_fee)

    async def send(self, raw: bytes) -> None:
        try:
            async with _reading("eth_sendRawTransaction"):
                bytes_in(await self._provider.ask(str, "eth_sendRawTransaction", ["0x" + raw.hex()]) or "")
        except ChainUnavailable as error:
            if not any(words in error.detail.lower() for words in _KNOWN):
                raise

    async def mined(self, transaction: str) -> Mined | None:
        joined = self._shared.in_flight(transaction)
        found = await self._shared.get(transaction, lambda: self._mined(transaction))
        return await self._mined(transaction) if joined and found is None else found

    async def _mined(self, transaction: str) -> Mined | None:
        async with _reading("eth_getTransactionReceipt"):
            receipt = await self._provider.ask(Receipt, "eth_getTransactionReceipt", [transaction])
            return receipt.mined() if receipt else None

    async def spent_in(self, spend: Spend, from_block: int) -> list[TransferLog]:
        by_permit2 = spend.method is Method.PERMIT2
        used = [AUTHORIZATION_USED, topic(spend.payer), spend.nonce]
        moved = [TRANSFER, topic(spend.payer), topic(spend.to)] if by_permit2 else used
        async with _reading("eth_getLogs"):
            logs = await self._logs(spend.asset, moved, from_block)
            transactions = dict.fromkeys(log.transaction_hash.lower() for log in logs)
        found: list[TransferLog] = []
        for transaction in transactions:
            named = not by_permit2 or spend.executed  # by an event, which `transfers_of` looks for
            if not named and spend.nonce not in await self._input(transaction):
                continue
            mined = await self.mined(transaction)
            found += transfers_of(mined, spend) if mined else []
        return found

    async def _input(self, transaction: str) -> bytes:
        """What a transaction was called with: an authorization by Permit2 has its nonce nowhere else."""
        async with _reading("eth_getTransactionByHash"):
            try:
                return bytes((await self._web3.eth.get_transaction(cast(Any, transaction)))["input"])
            except TransactionNotFound:
                return b""

    async def transfers(
        self, asset: str, address: str, from_block: int = 0, to_block: int | None = None
    ) -> list[TransferLog]:
        async with _reading("eth_getLogs"):
            sent, received = await asyncio.gather(
                self._logs(asset, [TRANSFER, topic(address)], from_block, to_block),
                self._logs(asset, [TRANSFER, None, topic(address)], from_block, to_block),
            )
            found = {log.place: log for log in (*sent, *received)}
            return [found[place].transfer(asset) for place in sorted(found)]

    async def events(self, contract: str, from_block: int, to_block: int) -> list[LoggedEvent]:
        async with _reading("eth_getLogs"):
            found = await self._logs(contract, [], from_block, to_block)
            return [log.event() for log in sorted(found, key=lambda log: log.place)]

    async def _quantity(self, method: str, *params: object) -> int:
        return number(await self._provider.ask(str, method, params) or "")

    async def _block(self, at: str) -> Block | None:
        return await self._provider.ask(Block, "eth_getBlockByNumber", [at, False])

    async def _existing(self, at: str) -> Block:
        found = await self._block(at)
        if found is None:
            raise TypeError("no such block")
        return found

    async def _logs(
        self, asset: str, topics: Sequence[bytes | None], from_block: int, to_block: int | None = None
    ) -> Sequence[Log]:
        query: Mapping[str, object] = {
            "address": asset,
            "fromBlock": hex(from_block),
            "toBlock": "latest" if to_block is None else hex(to_block),
            "topics": ["0x" + topic.hex() if topic else None for topic in topics],
        }
        if to_block is None:
            return await self._asked_logs(query)
        return await self._shared.get(msgspec.json.encode(query), lambda: self._asked_logs(query))

    async def _asked_logs(self, query: Mapping[str, object]) -> Sequence[Log]:
        logs = await self._provider.ask(_LOGS, "eth_getLogs", [query])
        if logs is None:
            raise TypeError("no logs")
        return logs


@asynccontextmanager
async def _reading(method: str) -> AsyncIterator[None]:
    """Turn every failure of the node or the way to it into one of our two errors."""
    try:
        yield
    except ContractLogicError as error:
        raise Reverted(str(error.message or "reverted"), _revert_data(error)) from error
    except (aiohttp.ClientError, TimeoutError, TimeExhausted, OSError) as error:  # their texts hold the node's URL
        raise ChainUnavailable(f"{method} did not get through: {type(error).__name__}") from None
    except (Web3RPCError, Web3Exception, ValueError) as error:
        raise ChainUnavailable(f"{method} was refused by the node: {error}") from error
    except (LookupError, TypeError, AttributeError, msgspec.MsgspecError) as error:
        raise ChainUnavailable(f"{method} was answered with nonsense: {type(error).__name__}") from error


def _number(value: object) -> int:
    """web3 lets pass whatever a node answers in the place of a number."""
    if not isinstance(value, int):
        raise TypeError("no number")
    return value


def _revert_data(error: ContractLogicError) -> bytes:
    data = error.data
    return bytes.fromhex(data[2:]) if isinstance(data, str) and data.startswith("0x") else b""


def _transaction(call: Call) -> TxParams:
    return {"from": cast(Any, call.sender), "to": cast(Any, call.to), "data": cast(Any, "0x" + call.data.hex())}
