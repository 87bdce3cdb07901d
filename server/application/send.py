"""Send: sign a contract call of ours, store the bytes, and only then broadcast them."""

from dataclasses import dataclass

from server.domain.evidence import Mined
from server.domain.sending import ChainTransaction, TransactionState
from server.ports import Call, Chain, Fees, TransactionSigner, UnitOfWork

GAS_MARGIN = 1.3
"""Estimates are for the newest block; state may cost a little more when the transaction is mined."""


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
    gas = await chain.estimate_gas(call)
    return Prepared(call, int(gas * GAS_MARGIN), await chain.fees(), await chain.next_nonce(signer.address))


async def sign(
    work: UnitOfWork, signer: TransactionSigner, chain_id: int, prepared: Prepared, purpose: str, subject: str
) -> ChainTransaction:
    """Allot the nonce, sign and store, all in the caller's unit of work: a crash loses either everything or nothing."""
    network = f"eip155:{chain_id}"
    nonce = await work.transactions.allot(network, signer.address, prepared.chain_nonce)
    signed = await signer.sign(chain_id, nonce, prepared.call, prepared.gas, prepared.fees)
    transaction = ChainTransaction(signed.hash, network, signer.address, nonce, purpose, subject, signed.raw)
    await work.transactions.add(transaction)
    return transaction


async def look(chain: Chain, transaction: ChainTransaction) -> Mined | None:
    """The outcome of a stored transaction. While there is none its bytes are broadcast again, which is harmless."""
    mined = await chain.mined(transaction.hash)
    if mined is None:
        await chain.send(transaction.raw)
    return mined


async def record(work: UnitOfWork, mined: Mined) -> None:
    """Write a transaction's outcome down, in the unit of work that draws the consequences."""
    state = TransactionState.SUCCEEDED if mined.succeeded else TransactionState.REVERTED
    await work.transactions.record(mined.transaction, state, mined.block)
