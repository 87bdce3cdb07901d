"""Transactions and blocks of the fake chain."""

from dataclasses import dataclass

from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from server.domain import calls
from server.domain.evidence import Mined, RawLog, TransferLog
from server.domain.outages import ChainUnavailable
from tests.fakes.evm import CHAIN_ID, State


@dataclass(frozen=True)
class Sent:
    """A broadcast transaction."""

    hash: str
    sender: str
    nonce: int
    to: str
    data: bytes
    max_fee: int


@dataclass(frozen=True)
class Block:
    """A mined block, and the state after it; `mined` are the outcomes of its `transactions`."""

    number: int
    hash: str
    timestamp: int
    state: State
    transactions: tuple[Sent, ...] = ()
    mined: tuple[Mined, ...] = ()


def decode_transaction(raw: bytes, chain_id: int = CHAIN_ID) -> Sent:
    """A signed EIP-1559 transaction as a node reads it."""
    fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    if fields["chainId"] != chain_id:
        raise ChainUnavailable("eth_sendRawTransaction was refused by the node: invalid chain id")
    return Sent(
        hash="0x" + keccak(raw).hex(),
        sender=str(Account.recover_transaction(raw)),
        nonce=fields["nonce"],
        to=str(to_checksum_address(fields["to"])),
        data=bytes(HexBytes(fields["data"])),
        max_fee=fields["maxFeePerGas"],
    )


def transfer_of(mined: Mined, log: RawLog) -> TransferLog:
    """A Transfer event as it is searched for."""
    sender, recipient = (calls.address_in(word) for word in log.topics[1:3])
    amount = int.from_bytes(log.data, "big")
    return TransferLog(
        mined.transaction, log.index, mined.block, mined.block_hash, log.address, sender, recipient, amount
    )
