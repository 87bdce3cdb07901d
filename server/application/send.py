"""Send: sign a contract call of ours, store the bytes, broadcast them, and see them mined or replaced."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.address import to_checksum_address
from hexbytes import HexBytes

from protocol.networks import caip2
from server.domain.evidence import Mined
from server.domain.sending import Attempt, ChainTransaction, Fees, TransactionState
from server.ports import Call, Chain, Clock, Database, TransactionSigner, UnitOfWork

GAS_MARGIN = 1.3
"""Estimates are for the newest block; state may cost a little more when the transaction is mined."""
PATIENCE = timedelta(seconds=45)
"""How long an attempt may wait before a dearer one replaces it."""
MOST_ATTEMPTS = 12
"""Of one transaction: the last one offers about four times what the first did; then a person has to look."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call that was estimated and has no nonce yet."""

    call: Call
    gas: int
    fees: Fees
    chain_nonce: int


async def prepare(chain: Chain, signer: TransactionSigner, to: str, data: bytes) -> Prepared:
    """All that needs the chain before signing. Raises Reverted if the call would fail now."""
    call = Call(signer.address, to, data)
    gas, fees, nonce = await asyncio.gather(chain.estimate_gas(call), chain.fees(), chain.next_nonce(signer.address))
    return Prepared(call, int(gas * GAS_MARGIN), fees, nonce)


async def sign(
    work: UnitOfWork,
    clock: Clock,
    signer: TransactionSigner,
    chain_id: int,
    prepared: Prepared,
    purpose: str,
    subject: str,
) -> ChainTransaction:
    """Allot the nonce, sign and store, all in the caller's unit of work: a crash loses either everything or nothing."""
    network = caip2(chain_id)
    nonce = await work.transactions.allot(network, signer.address, prepared.chain_nonce)
    signed = await signer.sign(chain_id, nonce, prepared.call, prepared.gas, prepared.fees)
    first = Attempt(signed.hash, signed.raw, prepared.fees, clock.now())
    transaction = ChainTransaction(signed.hash, network, signer.address, nonce, purpose, subject, (first,))
    await work.transactions.add(transaction)
    return transaction


async def sent_for(view: UnitOfWork, purpose: str, subject: str) -> ChainTransaction | None:
    """What was sent for this and is mined, or can still be; a transaction whose nonce is lost counts for nothing."""
    found = await view.transactions.of(purpose, subject)
    return None if found is None or found.state is TransactionState.LOST else found


def call_of(transaction: ChainTransaction) -> Call:
    """What a stored transaction calls."""
    fields = TypedTransaction.from_bytes(HexBytes(transaction.newest.raw)).as_dict()
    return Call(transaction.sender, str(to_checksum_address(fields["to"])), bytes(HexBytes(fields["data"])))


async def outcome(chain: Chain, transaction: ChainTransaction) -> Mined | None:
    """What the chain says of whichever attempt was mined; asks for the newest first."""
    for attempt in reversed(transaction.attempts):
        mined = await chain.mined(attempt.hash)
        if mined:
            return mined
    return None


async def push(
    db: Database, chain: Chain, clock: Clock, signer: TransactionSigner, transaction: ChainTransaction
) -> ChainTransaction:
    """Broadcast an unmined transaction again; past `PATIENCE`, a dearer form of it at the same nonce."""
    waited = clock.now() - transaction.newest.signed_at
    if waited >= PATIENCE and len(transaction.attempts) < MOST_ATTEMPTS:
        fees = transaction.newest.fees.raised(await chain.fees())
        signed = await signer.replace(transaction.newest.raw, fees)
        dearer = Attempt(signed.hash, signed.raw, fees, clock.now())
        async with db.begin("dearer") as work:
            await work.transactions.attempt(transaction.hash, dearer)
            stored = await work.transactions.get(transaction.hash)
        assert stored is not None
        transaction = stored
    await chain.send(transaction.newest.raw)
    return transaction


async def is_lost(chain: Chain, transaction: ChainTransaction) -> bool:
    """Whether its nonce was used by something else, so long ago that no reorganisation brings it back."""
    used = await chain.transaction_count(transaction.sender, await chain.final_block())
    return used > transaction.nonce and await outcome(chain, transaction) is None
