"""Resend: see a key's chain transactions mined: broadcast again, replace what is stuck, reopen what was taken back."""

import logging
from collections.abc import Awaitable, Callable, Sequence

from server.application.paddock import Paddock
from server.application.send import is_lost, outcome, push
from server.domain.evidence import Mined
from server.domain.sending import ChainTransaction
from server.ports import Chain, Clock, Database, TransactionSigner

log = logging.getLogger(__name__)


async def anything_to_resend(paddock: Paddock, network: str) -> bool:
    """Whether the worker has transactions on a network without a final outcome."""
    if paddock.delegate is None:
        return False
    chain, sender = paddock.on(network).chain, paddock.delegate.address
    if await _not_yet_final(paddock.db, chain, network, sender):
        return True
    async with paddock.db.read() as view:
        return bool(await view.transactions.unmined(network, sender))


async def resend(paddock: Paddock, network: str) -> float | None:
    """A transaction that was dropped would hold up every later one of its key, also when its own order is over."""
    if paddock.delegate is None:
        return None
    chain = paddock.on(network).chain
    for transaction in await gone_from_chain(paddock.db, chain, network, paddock.delegate.address):
        log.warning("a reorganisation took back %s", transaction.hash)
        async with paddock.db.begin("reopened") as work:
            await work.transactions.reopen(transaction.hash)

    async def land(transaction: ChainTransaction, mined: Mined | None) -> None:
        async with paddock.db.begin("mined") as work:
            await (
                work.transactions.record(transaction.hash, mined) if mined else work.transactions.lose(transaction.hash)
            )

    await see_mined(paddock.db, chain, paddock.clock, network, paddock.delegate, land)
    return None


async def see_mined(
    db: Database,
    chain: Chain,
    clock: Clock,
    network: str,
    signer: TransactionSigner,
    land: Callable[[ChainTransaction, Mined | None], Awaitable[None]],
) -> None:
    """One look at every unmined transaction of a key, in the order of their nonces.

    `land` writes down the outcome of one, or, without an outcome, that its nonce was used by something else. All others
    are broadcast again, or replaced by a dearer attempt when they have waited too long.
    """
    async with db.read() as view:
        waiting = await view.transactions.unmined(network, signer.address)
    for transaction in waiting:
        mined = await outcome(chain, transaction)
        if mined:
            await land(transaction, mined)
        elif await is_lost(chain, transaction):
            log.error("nonce %d of %s was used by something else", transaction.nonce, signer.address)
            await land(transaction, None)
        else:
            await push(db, chain, clock, signer, transaction)


async def gone_from_chain(db: Database, chain: Chain, network: str, sender: str) -> list[ChainTransaction]:
    """A key's mined transactions that a reorganisation took off the chain: another block stands where theirs was."""
    mined = await _not_yet_final(db, chain, network, sender)
    there = {block: await chain.block_hash(block or 0) for block in {one.block for one in mined}}
    return [one for one in mined if there[one.block] not in (None, one.block_hash)]


async def _not_yet_final(db: Database, chain: Chain, network: str, sender: str) -> Sequence[ChainTransaction]:
    """A key's mined transactions that no final block holds.

    Who looked away during a reorganisation may find that a block is final whose number is theirs: then the key's nonces
    tell, for up to that block it has used fewer.
    """
    final = await chain.final_block()
    used = await chain.transaction_count(sender, final)
    async with db.read() as view:
        return await view.transactions.above(network, sender, final, used)
