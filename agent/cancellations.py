"""Whether a signed authorization was cancelled: by the chain's word alone, and only where it had moved nothing."""

from enum import StrEnum

from agent.chain import TRANSFER, Chain, Mined
from agent.errors import ChainUnavailable
from agent.models import Signed
from protocol.hashing import keccak
from protocol.payment import PERMIT2, Method

CANCELED = "0x" + keccak(b"AuthorizationCanceled(address,bytes32)").hex()
INVALIDATED = "0x" + keccak(b"UnorderedNonceInvalidation(address,uint256,uint256)").hex()


class Cancelled(StrEnum):
    """What a cancelling transaction became: `open` is not mined, `early` mined and not final, `late` came too late."""

    OPEN = "open"
    EARLY = "early"
    LATE = "late"
    YES = "yes"


def place_of(nonce: str) -> tuple[int, int]:
    """Where Permit2 keeps a nonce: the word of its bitmap, and the bit's mask there."""
    word, bit = divmod(int(nonce, 16), 256)
    return word, 1 << bit


def look(chain: Chain, signed: Signed, transaction: str) -> Cancelled:
    """Whether a transaction cancelled it, unused, for good. Raises ChainUnavailable.

    By EIP-3009 the token's event says so: it cancels only what is unused. Permit2 logs the same whether the nonce was
    used or not, so it must have been unused in the block before, and that block's own Transfers must have none of ours.
    """
    mined = chain.transaction(transaction)
    if mined is None:
        return Cancelled.OPEN
    if mined.block > chain.final_block():
        return Cancelled.EARLY
    if not mined.success or not _is_logged(signed, mined):
        return Cancelled.LATE
    unused = signed.method is Method.EIP3009 or _was_unused(chain, signed, mined)
    return Cancelled.YES if unused else Cancelled.LATE


def _is_logged(signed: Signed, mined: Mined) -> bool:
    payer = "0x" + signed.payer[2:].lower().rjust(64, "0")
    if signed.method is Method.EIP3009:
        told = (signed.asset, (CANCELED, payer, signed.nonce))
        return told in [(log.address, log.topics) for log in mined.logs]
    data = "0x" + "".join(number.to_bytes(32, "big").hex() for number in place_of(signed.nonce))
    told_by_permit2 = (PERMIT2, (INVALIDATED, payer), data)
    return told_by_permit2 in [(log.address, log.topics, log.data) for log in mined.logs]


def _was_unused(chain: Chain, signed: Signed, mined: Mined) -> bool:
    block, payer = hex(mined.block), "0x" + signed.payer[2:].lower().rjust(64, "0")
    where = {"address": signed.asset, "topics": [TRANSFER, payer], "fromBlock": block, "toBlock": block}
    moved = chain.ask("eth_getLogs", where)
    if not isinstance(moved, list):
        raise ChainUnavailable("the RPC answers eth_getLogs in a shape that is not Ethereum's")
    return not moved and not chain.used_at(signed, mined.block - 1)
