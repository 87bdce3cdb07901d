"""Anchor: put the Merkle root of a chain's new entries on chain, batch after batch, each followed until it is final."""

from collections.abc import Sequence
from dataclasses import replace

from protocol.chains import merkle_root
from server.application.callback import delegate_of
from server.application.paddock import Paddock
from server.application.send import Prepared, outcome, prepare, sign
from server.application.tracing import BLOCK, TRANSACTION, mark
from server.domain.anchors import Anchor, Chained, Site, expected_index
from server.domain.calls import describe_revert
from server.domain.errors import ConfigurationError, InternalError, Reverted
from server.domain.evidence import Mined
from server.domain.sending import TransactionState
from server.ports import UnitOfWork

CONTRACT = "ProofAnchor"
PURPOSE = "anchor"
LONGEST_BATCH = 512
"""Entries that one root covers at most; a proof is made by hashing all of them."""


def site_of(paddock: Paddock) -> Site | None:
    """Where this marketplace anchors; None on a network without the contract, where receipts are chained only."""
    contract = paddock.market.contracts.get(CONTRACT)
    return Site(paddock.market.network, contract.address, paddock.market.delegate) if contract else None


async def anchor(paddock: Paddock, merchant: str) -> float | None:
    """One step for a merchant's chain; None when nothing is left to do, else seconds until the next step.

    Safe to run twice: a batch is one row, its signed bytes are stored before they are broadcast, and the contract takes
    each batch once, after the one before it.
    """
    site = site_of(paddock)
    if site is None:
        return None
    async with paddock.db.read() as view:
        last = await view.anchors.last(site, merchant)
        first = last.last + 1 if last else 0
        waiting = await view.receipt_chain.entries(merchant, first, LONGEST_BATCH)
    if last and last.block is None:
        return await _follow(paddock, last)
    if not waiting:
        return None
    wait = _not_before(paddock, waiting)
    return wait if wait > 0 else await _send(paddock, site, last.batch + 1 if last else 0, waiting)


def _not_before(paddock: Paddock, waiting: Sequence[Chained]) -> float:
    """Seconds until these entries are worth a chain transaction."""
    if len(waiting) >= paddock.anchoring.at_once:
        return 0.0
    return (waiting[0].appended_at + paddock.anchoring.every - paddock.clock.now()).total_seconds()


async def _send(paddock: Paddock, site: Site, number: int, waiting: Sequence[Chained]) -> float:
    links = [entry.link for entry in waiting]
    first, last = waiting[0], waiting[-1]
    batch = Anchor(site, first.merchant, number, first.index, last.index, merkle_root(links), last.link, "")
    prepared = await _prepare(paddock, batch)
    async with paddock.db.begin("anchor signed") as work:
        raw, batch = await _sign(paddock, work, batch, prepared)
        await work.anchors.add(batch)
    await paddock.chain.send(raw)
    return 0.5


async def _follow(paddock: Paddock, batch: Anchor) -> float:
    """Watch a batch's chain transaction; that its bytes are broadcast until a block holds them is `resend`'s care.

    Nothing is concluded before finality, so that a reorganisation only makes it wait again.
    """
    async with paddock.db.read() as view:
        sent = await view.transactions.get(batch.transaction)
    assert sent is not None
    if sent.state is TransactionState.LOST:
        return await _send_again(paddock, batch)
    final = await paddock.chain.final_block()
    mined = await outcome(paddock.chain, sent)
    if mined is None or mined.block > final:
        return 0.5 if mined is None else 1.0
    if not mined.succeeded:
        return await _send_again(paddock, batch)
    if not batch.is_in(mined):
        raise InternalError(f"{mined.transaction} succeeded, and {batch.site.contract} does not say that it anchored")
    async with paddock.db.begin("anchored") as work:
        await work.transactions.record(sent.hash, mined)
        await work.anchors.confirm(replace(batch, transaction=mined.transaction), mined.block)
    await _tell(paddock, batch, mined)
    return 0.0


async def _tell(paddock: Paddock, batch: Anchor, mined: Mined) -> None:
    """Each order of the batch has it in its trace."""
    if paddock.tracing is None:
        return
    async with paddock.db.read() as view:
        entries = await view.receipt_chain.entries(batch.merchant, batch.first, batch.last - batch.first + 1)
    seen: dict[str, str | int] = {TRANSACTION: mined.transaction, BLOCK: mined.block}
    await mark(paddock.tracing, paddock.db, "anchored", [one.order_id for one in entries], seen)


async def _send_again(paddock: Paddock, batch: Anchor) -> float:
    """The same batch in another chain transaction, after the one before failed or was lost for good."""
    prepared = await _prepare(paddock, batch)
    async with paddock.db.begin("anchor signed again") as work:
        raw, again = await _sign(paddock, work, batch, prepared)
        await work.anchors.sent_again(batch, again.transaction)
    await paddock.chain.send(raw)
    return 0.5


async def _prepare(paddock: Paddock, batch: Anchor) -> Prepared:
    try:
        return await prepare(paddock.chain, delegate_of(paddock), batch.site.contract, batch.call())
    except Reverted as error:
        there = expected_index(error.data)
        if there is None:
            raise InternalError(
                f"ProofAnchor refuses {batch.merchant}'s batch: {describe_revert((), error.data)}"
            ) from error
        raise ConfigurationError(
            f"ProofAnchor holds {there} entries of {batch.merchant}'s chain, and the database wants to go on from "
            f"{batch.first}: was an old copy of the database restored, or is it another marketplace's?"
        ) from error


async def _sign(paddock: Paddock, work: UnitOfWork, batch: Anchor, prepared: Prepared) -> tuple[bytes, Anchor]:
    """The signed bytes, stored, and the batch that names them."""
    subject = f"{batch.merchant[:50]}:{batch.batch}"
    sent = await sign(work, paddock.clock, delegate_of(paddock), paddock.market.chain_id, prepared, PURPOSE, subject)
    return sent.newest.raw, replace(batch, transaction=sent.hash)
