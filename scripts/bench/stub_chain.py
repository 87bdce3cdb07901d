"""The stub's chain: it goes on where a devnet was, and has a block for every transaction, and one every second."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from protocol.hashing import keccak
from protocol.typed_data import word
from scripts.bench.stub_calls import Moved, Sent
from server.domain.evidence import AUTHORIZATION_USED, TRANSFER, topic

JSON = dict[str, Any]
GAS_PRICE = 1_000_000_000
RESULT = keccak(b"SettlementResult(uint256,address,bytes32,bool)")
"""BatchSettler's, after each item."""
GAS, GAS_OF_ITEM = 72_000, 45_000
NOTHING = "0x" + "00" * 32


@dataclass(frozen=True, slots=True)
class Block:
    """One block; `logs` as a node answers them, all of its transaction."""

    number: int
    hash: str
    parent: str
    time: int
    transactions: tuple[str, ...]
    logs: Sequence[JSON]


@dataclass
class StubChain:
    """`base` is the devnet's newest block with its hash and its time; `token` is what payments move."""

    token: str
    base: Block
    blocks: list[Block] = field(default_factory=list)
    receipts: dict[str, JSON] = field(default_factory=dict)
    used: set[tuple[str, bytes]] = field(default_factory=set)
    _sent: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _moves: dict[str, tuple[list[int], list[int]]] = field(default_factory=lambda: defaultdict(lambda: ([], [])))

    @property
    def newest(self) -> Block:
        return self.blocks[-1] if self.blocks else self.base

    def at(self, number: int) -> Block | None:
        """A block of the stub's own; None for one of the devnet's, and for one that is not there yet."""
        place = number - self.base.number - 1
        return self.blocks[place] if 0 <= place < len(self.blocks) else None

    def catch_up(self, now: float) -> None:
        """The empty blocks of the seconds that have gone by."""
        while self.newest.time < int(now):
            self._add(self.newest.time + 1, "", ())

    def pay(self, transaction: Sent, payments: Sequence[Moved], now: float) -> None:
        """A block with a transaction that moves these payments; one whose nonce was used before moves nothing."""
        logs: list[JSON] = []
        for at, one in enumerate(payments):
            if (one.payer, one.nonce) in self.used:
                continue
            self.used.add((one.payer, one.nonce))
            logs += [
                log(self.token, b"", AUTHORIZATION_USED, topic(one.payer), one.nonce),
                log(self.token, word(one.value), TRANSFER, topic(one.payer), topic(one.to)),
            ]
            if transaction.to != self.token:
                logs.append(log(transaction.to, word(at) + word(1), RESULT, topic(one.payer), one.nonce))
            self._move(one.payer, -one.value)
            self._move(one.to, one.value)
        gas = GAS if len(payments) == 1 else GAS_OF_ITEM * len(payments)
        self.mine(transaction, logs, 1 if logs else 0, gas, now)
        self._sent[transaction.sender].append(self.newest.number)

    def mine(self, transaction: Sent, logs: Sequence[JSON], status: int, gas: int, now: float) -> None:
        """A block with a transaction that left these logs, wherever it was executed."""
        block = self._add(int(now), transaction.hash, logs)
        self.receipts[transaction.hash] = {
            "transactionHash": transaction.hash,
            "transactionIndex": "0x0",
            "blockHash": block.hash,
            "blockNumber": hex(block.number),
            "from": transaction.sender,
            "to": transaction.to,
            "contractAddress": None,
            "cumulativeGasUsed": hex(gas),
            "gasUsed": hex(gas),
            "effectiveGasPrice": hex(GAS_PRICE),
            "logs": block.logs,
            "logsBloom": "0x" + "00" * 256,
            "status": hex(status),
            "type": "0x2",
        }

    def moved(self, address: str, block: int) -> int:
        """By how much the stub's payments had changed a balance up to a block."""
        numbers, sums = self._moves[address]
        place = bisect_right(numbers, block)
        return sums[place - 1] if place else 0

    def sent(self, sender: str, block: int) -> int:
        """How many transactions of a sender's with payments are in the stub's blocks up to that one."""
        return bisect_right(self._sent[sender], block)

    def logs(self, first: int, last: int, query: Mapping[str, Any]) -> Iterator[JSON]:
        """Those in these blocks that a query asks for by address and topics."""
        asked = query.get("address") or []
        addresses = {one.lower() for one in ([asked] if isinstance(asked, str) else asked)}
        wanted = [
            None if one is None else {one} if isinstance(one, str) else set(one) for one in query.get("topics") or []
        ]
        for number in range(max(first, self.base.number + 1), min(last, self.newest.number) + 1):
            block = self.at(number)
            for one in block.logs if block else ():
                if (not addresses or one["address"].lower() in addresses) and fit(wanted, one["topics"]):
                    yield one

    def _move(self, address: str, by: int) -> None:
        """In the block that comes next."""
        numbers, sums = self._moves[address]
        numbers.append(self.newest.number + 1)
        sums.append((sums[-1] if sums else 0) + by)

    def _add(self, time: int, transaction: str, logs: Sequence[JSON]) -> Block:
        parent = self.newest
        number = parent.number + 1
        made = "0x" + keccak(f"{parent.hash}{number}{transaction}".encode()).hex()
        place = {"blockNumber": hex(number), "blockHash": made, "transactionHash": transaction, "removed": False}
        whole = [one | place | {"logIndex": hex(at), "transactionIndex": "0x0"} for at, one in enumerate(logs)]
        block = Block(number, made, parent.hash, max(time, parent.time), (transaction,) if transaction else (), whole)
        self.blocks.append(block)
        return block


def fit(wanted: Sequence[set[str] | None], topics: Sequence[str]) -> bool:
    """Whether a log has one of the topics that are wanted in each place."""
    pairs = zip(wanted, topics, strict=False)
    return len(wanted) <= len(topics) and all(one is None or topic in one for one, topic in pairs)


def log(address: str, data: bytes, *topics: bytes) -> JSON:
    """A log that has no place yet."""
    return {"address": address, "topics": [f"0x{one.hex()}" for one in topics], "data": f"0x{data.hex()}"}


def shown(block: Block) -> JSON:
    """A block as a node answers it, with its transactions' hashes."""
    return {
        "number": hex(block.number),
        "hash": block.hash,
        "parentHash": block.parent,
        "timestamp": hex(block.time),
        "transactions": block.transactions,
        "baseFeePerGas": hex(GAS_PRICE),
        "gasLimit": hex(30_000_000),
        "gasUsed": "0x0",
        "difficulty": "0x0",
        "totalDifficulty": "0x0",
        "extraData": "0x",
        "logsBloom": "0x" + "00" * 256,
        "miner": "0x" + "00" * 20,
        "mixHash": NOTHING,
        "nonce": "0x0000000000000000",
        "receiptsRoot": NOTHING,
        "sha3Uncles": NOTHING,
        "size": "0x200",
        "stateRoot": NOTHING,
        "transactionsRoot": NOTHING,
        "uncles": [],
    }
