"""Blocks, receipts and event logs as a node answers them, read straight into our own types.

web3's formatters take 0.1 ms for each log; a batch of fifty payments has 150, and each order looks at all of them.
"""

from functools import lru_cache

import msgspec

from protocol.signatures import checksummed
from server.domain import calls
from server.domain.evidence import LoggedEvent, Mined, RawLog, TransferLog


class Block(msgspec.Struct, rename={"base": "baseFeePerGas"}, frozen=True):
    """What is wanted of a block; numbers 0x-hex."""

    hash: str
    timestamp: str
    base: str = "0x0"
    """Wei; a chain from before EIP-1559 has none."""

    @property
    def name(self) -> str:
        return _hash(self.hash)

    @property
    def time(self) -> int:
        """Unix seconds."""
        return number(self.timestamp)

    @property
    def base_fee(self) -> int:
        """Wei for a unit of gas."""
        return number(self.base)


class Log(msgspec.Struct, rename="camel", frozen=True):
    """One event log; all values 0x-hex."""

    address: str
    topics: tuple[str, ...]
    data: str
    log_index: str
    block_number: str
    block_hash: str
    transaction_hash: str

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands: block, and index in the block."""
        return number(self.block_number), number(self.log_index)

    def raw(self) -> RawLog:
        return RawLog(checksummed(self.address), tuple(map(bytes_in, self.topics)), bytes_in(self.data), self.place[1])

    def event(self) -> LoggedEvent:
        return LoggedEvent(_hash(self.transaction_hash), self.place[0], _hash(self.block_hash), self.raw())

    def transfer(self, asset: str) -> TransferLog:
        """Read as a `Transfer` of the asset. Raises LookupError for a log with fewer topics."""
        block, index = self.place
        return TransferLog(
            transaction=_hash(self.transaction_hash),
            log_index=index,
            block=block,
            block_hash=_hash(self.block_hash),
            asset=asset,
            sender=calls.address_in(bytes_in(self.topics[1])),
            recipient=calls.address_in(bytes_in(self.topics[2])),
            amount=int.from_bytes(bytes_in(self.data), "big"),
        )


class Receipt(msgspec.Struct, rename="camel", frozen=True):
    """What became of a chain transaction; numbers 0x-hex."""

    transaction_hash: str
    status: str
    block_number: str
    block_hash: str
    gas_used: str
    logs: msgspec.Raw

    def mined(self) -> Mined:
        return Mined(
            transaction=_hash(self.transaction_hash),
            succeeded=number(self.status) == 1,
            block=number(self.block_number),
            block_hash=_hash(self.block_hash),
            gas_used=number(self.gas_used),
            logs=_logs(bytes(self.logs)),
        )


@lru_cache(maxsize=16)
def _logs(text: bytes) -> tuple[RawLog, ...]:
    """Kept by the text itself: every order of a batch gets the same one, several times."""
    return tuple(log.raw() for log in msgspec.json.decode(text, type=tuple[Log, ...]))


def number(text: str) -> int:
    """A JSON-RPC quantity. Raises ValueError for what has no 0x."""
    if not text.startswith("0x"):
        raise ValueError("no quantity")
    return int(text, 16)


def _hash(text: str) -> str:
    """32 bytes, in lower case."""
    return "0x" + bytes_in(text).hex()


def bytes_in(text: str) -> bytes:
    """0x-hex of any length. Raises ValueError for anything else."""
    if not text.startswith("0x"):
        raise ValueError("no hex")
    return bytes.fromhex(text[2:])
