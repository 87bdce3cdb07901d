"""What the chain says: mined transactions, their logs, and the transfers in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from protocol.hashing import keccak
from protocol.payment import EXACT_PROXY, UPTO_PROXY, Method, Payment
from protocol.typed_data import word
from server.domain.calls import address_in

TRANSFER = keccak(b"Transfer(address,address,uint256)")
AUTHORIZATION_USED = keccak(b"AuthorizationUsed(address,bytes32)")
PAYMENT_EXECUTED = keccak(b"PaymentExecuted(bytes32,address,address,address,uint256,bytes32)")
"""DelegateExecutor's, before it pulls: order, payer and target as topics; token, amount and nonce as words of data."""

DEEPEST_REORG = 128
"""Blocks that a reorganisation may replace; what was signed at one height can be mined that far below it."""


def search_from(height: int) -> int:
    """The block from which to search for something that was not yet on chain at `height`."""
    return max(0, height - DEEPEST_REORG)


class Spend(NamedTuple):
    """A single-use authorization as the chain knows it: whose nonce, and what it may move. `most` in atomic units.

    `executed`: `to` is the executor of scheme delegate, which names the nonce in an event.
    """

    method: Method
    asset: str
    payer: str
    nonce: bytes
    to: str
    most: int
    executed: bool = False


def spend_of(payment: Payment) -> Spend:
    """What the chain will show of a payment."""
    executed = payment.delegated is not None
    return Spend(payment.method, payment.asset, payment.payer, payment.nonce, payment.to, payment.value, executed)


@dataclass(frozen=True, slots=True)
class TransferLog:
    """One ERC-20 `Transfer` event. `amount` in atomic units; hashes are 0x-hex."""

    transaction: str
    log_index: int
    block: int
    block_hash: str
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
class LoggedEvent:
    """An event log of one contract, with where it stands."""

    transaction: str
    block: int
    block_hash: str
    log: RawLog


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


def transfers_of(mined: Mined, spend: Spend) -> list[TransferLog]:
    """The Transfers that an authorization may have caused in a transaction; by EIP-3009 there is at most one.

    A token with EIP-3009 names the nonce in the event before its Transfer. Permit2 names none: there an executor does,
    and else it is every Transfer of the right token from the payer to the payee of no more than was signed, and whoever
    asks knows from the nonce's bitmap that it was used.
    """
    if not mined.succeeded:
        return []
    if spend.method is Method.PERMIT2 and spend.executed:
        return moved_by_executor(mined, spend, spend.payer, spend.to)[:1]
    own = [log for log in mined.logs if log.address == spend.asset and log.topics]
    if spend.method is Method.PERMIT2:
        found = [_transfer(mined, log) for log in own if _is_transfer(log)]
        return [
            one for one in found if (one.sender, one.recipient) == (spend.payer, spend.to) and one.amount <= spend.most
        ]
    used = (AUTHORIZATION_USED, topic(spend.payer), spend.nonce)
    return [_transfer(mined, after) for log, after in pairwise(own) if log.topics == used and _is_transfer(after)]


def moved_by_executor(mined: Mined, spend: Spend, sender: str, recipient: str) -> list[TransferLog]:
    """The Transfers between two parties that follow the executor's event of an authorization, the first one first.

    Its executor pulls from the payer and has the target collect before it does anything else, so the first is its own.
    """
    after = next((number for number, log in enumerate(mined.logs) if _executes(log, spend)), None)
    if after is None or not mined.succeeded:
        return []
    logs = [log for log in mined.logs[after:] if log.address == spend.asset and log.topics and _is_transfer(log)]
    found = [_transfer(mined, log) for log in logs]
    return [one for one in found if (one.sender, one.recipient) == (sender, recipient)]


def transfer_at(mined: Mined, log_index: int) -> TransferLog | None:
    """The Transfer that stands at an index of a chain transaction's block, of whatever token; None for all else."""
    found = next((log for log in mined.logs if log.index == log_index and log.topics and _is_transfer(log)), None)
    return _transfer(mined, found) if found else None


def plain_transfers(mined: Mined, asset: str) -> list[TransferLog]:
    """The Transfers of a token in a transaction that are nobody's x402 payment.

    By EIP-3009 a payment's Transfer comes right after the payer's AuthorizationUsed; by Permit2 the proxies of x402
    leave an event of their own in the transaction.
    """
    if not mined.succeeded or any(log.address in (EXACT_PROXY, UPTO_PROXY) for log in mined.logs):
        return []
    own = [log for log in mined.logs if log.address == asset and log.topics]
    before = [None, *own]
    return [
        _transfer(mined, log)
        for last, log in zip(before, own, strict=False)
        if _is_transfer(log) and not (last and last.topics[:2] == (AUTHORIZATION_USED, log.topics[1]))
    ]


def that_moved(transfers: Sequence[TransferLog], spend: Spend, amount: int) -> list[TransferLog]:
    """Those that moved exactly so much, from the authorization's payer to its payee."""
    wanted = (spend.asset, spend.payer, spend.to, amount)
    return [one for one in transfers if (one.asset, one.sender, one.recipient, one.amount) == wanted]


def _executes(log: RawLog, spend: Spend) -> bool:
    """Whether it is the executor's word that it spends this very authorization, whose nonce names payer and target."""
    told = topic(spend.asset) + word(spend.most) + spend.nonce
    return (log.address, log.topics[:1], log.data) == (spend.to, (PAYMENT_EXECUTED,), told)


def _is_transfer(log: RawLog) -> bool:
    return log.topics[0] == TRANSFER and len(log.topics) == 3 and len(log.data) == 32


def _transfer(mined: Mined, log: RawLog) -> TransferLog:
    return TransferLog(
        transaction=mined.transaction,
        log_index=log.index,
        block=mined.block,
        block_hash=mined.block_hash,
        asset=log.address,
        sender=address_in(log.topics[1]),
        recipient=address_in(log.topics[2]),
        amount=int.from_bytes(log.data, "big"),
    )
