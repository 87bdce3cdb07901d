"""What the chain says: mined transactions, their logs, and the transfers in them."""

from dataclasses import dataclass
from itertools import pairwise

from eth_utils.crypto import keccak

from server.domain.calls import address_in

TRANSFER = keccak(b"Transfer(address,address,uint256)")
AUTHORIZATION_USED = keccak(b"AuthorizationUsed(address,bytes32)")

DEEPEST_REORG = 128
"""Blocks that a reorganisation may replace; what was signed at one height can be mined that far below it."""


def search_from(height: int) -> int:
    """The block from which to search for something that was not yet on chain at `height`."""
    return max(0, height - DEEPEST_REORG)


@dataclass(frozen=True, slots=True)
class TransferLog:
    """One ERC-20 `Transfer` event. `amount` in atomic units; hashes are 0x-hex."""

    transaction: str
    log_index: int
    block: int
    asset: str
    sender: str
    recipient: str
    amount: int


@dataclass(frozen=True, slots=True)
class RawLog:
    """One event log as the chain keeps it."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    index: int


@dataclass(frozen=True, slots=True)
class Mined:
    """A chain transaction's outcome once it is in a block."""

    transaction: str
    succeeded: bool
    block: int
    block_hash: str
    gas_used: int
    logs: tuple[RawLog, ...]


def topic(address: str) -> bytes:
    """An address as an indexed event argument."""
    return bytes.fromhex(address[2:]).rjust(32, b"\0")


def transfer_of(mined: Mined, asset: str, payer: str, nonce: bytes) -> TransferLog | None:
    """The Transfer that an authorization caused in a transaction: the token's next event after AuthorizationUsed."""
    if not mined.succeeded:
        return None
    own = [log for log in mined.logs if log.address == asset and log.topics]
    for log, following in pairwise(own):
        is_used = log.topics == (AUTHORIZATION_USED, topic(payer), nonce)
        if is_used and following.topics[0] == TRANSFER and len(following.topics) == 3:
            return TransferLog(
                transaction=mined.transaction,
                log_index=following.index,
                block=mined.block,
                asset=asset,
                sender=address_in(following.topics[1]),
                recipient=address_in(following.topics[2]),
                amount=int.from_bytes(following.data, "big"),
            )
    return None
