"""Resend: broadcast again what this process's key signed and no block holds yet, in the order of its nonces."""

from protocol.networks import caip2
from server.application.paddock import Paddock
from server.application.send import look, record
from server.domain.sending import ChainTransaction


async def unmined(paddock: Paddock) -> list[ChainTransaction]:
    """The delegate wallet's transactions without an outcome, in nonce order; none in a process without its key."""
    if paddock.delegate is None:
        return []
    async with paddock.db.read() as view:
        return list(await view.transactions.unmined(caip2(paddock.market.chain_id), paddock.delegate.address))


async def resend(paddock: Paddock, _address: str) -> float | None:
    """A transaction that was dropped would hold up every later one of its key, also when its own order is over."""
    for transaction in await unmined(paddock):
        mined = await look(paddock.chain, transaction)
        if mined:
            async with paddock.db.begin("mined") as work:
                await record(work, mined)
    return None
