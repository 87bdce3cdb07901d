"""Bundle: a receipt with all that proves it, and the pages of a merchant's chain."""

from collections.abc import Sequence

import msgspec

from protocol.bundles import Anchored, Batch, Bundle, Page, Place, Revoked, Row
from protocol.chains import merkle_proof
from protocol.revocations import SignedRevocation
from server.application.anchor import site_of
from server.application.paddock import Paddock
from server.domain.anchors import Anchor, Chained, Kind
from server.domain.errors import UnknownMerchant, UnknownOrder
from server.ports import UnitOfWork

LONGEST_PAGE = 500


async def bundle(paddock: Paddock, order_id: str) -> Bundle:
    """The receipt of an order, its place in the chain and its Merkle proof. Raises UnknownOrder without a receipt."""
    async with paddock.db.read() as view:
        found = await view.receipts.get(order_id)
        if found is None:
            raise UnknownOrder("the order has no receipt: it was not released")
        signed, standard = found
        entries = {entry.kind: entry for entry in await view.receipt_chain.of(order_id)}
        own, revoked = entries.get(Kind.RECEIPT), entries.get(Kind.REVOKED)
        return Bundle(
            receipt=signed.receipt,
            signature=signed.signature,
            standard=msgspec.json.decode(standard),
            chain=_place(own) if own else None,
            anchor=await _anchored(paddock, view, own) if own else None,
            revoked=await _revoked(paddock, view, revoked) if revoked else None,
        )


async def _revoked(paddock: Paddock, view: UnitOfWork, entry: Chained) -> Revoked:
    signed = _revocation(entry)
    return Revoked(signed.revocation, signed.signature, _place(entry), await _anchored(paddock, view, entry))


def _revocation(entry: Chained) -> SignedRevocation:
    assert entry.revocation is not None
    return msgspec.json.decode(entry.revocation, type=SignedRevocation)


def _place(entry: Chained) -> Place:
    return Place(entry.merchant, entry.index, _hex(entry.previous), _hex(entry.link))


async def _anchored(paddock: Paddock, view: UnitOfWork, entry: Chained) -> Anchored | None:
    """The proof by a batch of where this marketplace anchors now, else by one of where it did before."""
    site = site_of(paddock)
    here = await view.anchors.between(site, entry.merchant, entry.index, entry.index) if site else ()
    batch = here[0] if here else await view.anchors.covering(entry.merchant, entry.index)
    if batch is None or batch.block is None:
        return None
    links = [
        one.link for one in await view.receipt_chain.entries(entry.merchant, batch.first, batch.last - batch.first + 1)
    ]
    return Anchored(
        network=batch.site.network,
        contract=batch.site.contract,
        publisher=batch.site.publisher,
        batch=batch.batch,
        root=_hex(batch.root),
        proof=[_hex(node) for node in merkle_proof(links, entry.index - batch.first)],
        transaction=batch.transaction,
        block=batch.block,
    )


async def chain_page(paddock: Paddock, merchant: str, first: int, limit: int, *, whole: bool) -> Page:
    """Entries of a merchant's chain from `first` on, and the batches over them.

    Hashes are for everybody; with `whole` also what was signed, which names payers and what they bought.
    Raises UnknownMerchant.
    """
    if merchant not in paddock.merchants:
        raise UnknownMerchant(f"there is no merchant {merchant!r} here")
    site = site_of(paddock)
    async with paddock.db.read() as view:
        tail = await view.receipt_chain.tail(merchant)
        length = tail.index + 1 if tail else 0
        entries = await view.receipt_chain.entries(merchant, first, limit)
        last = entries[-1].index if entries else first
        batches = await view.anchors.between(site, merchant, first, last) if site and entries else ()
        rows = [await _row(view, entry, whole) for entry in entries]
    return Page(merchant, length, rows, _batches(batches), last + 1 if entries and last + 1 < length else None)


async def _row(view: UnitOfWork, entry: Chained, whole: bool) -> Row:
    hashes = (entry.index, _hex(entry.previous), _hex(entry.content), _hex(entry.link))
    if not whole:
        return Row(*hashes)
    if entry.kind is Kind.REVOKED:
        return Row(*hashes, entry.order_id, revocation=_revocation(entry))
    found = await view.receipts.get(entry.order_id)
    return Row(*hashes, entry.order_id, receipt=found[0] if found else None)


def _batches(batches: Sequence[Anchor]) -> list[Batch]:
    return [
        Batch(
            network=one.site.network,
            contract=one.site.contract,
            publisher=one.site.publisher,
            batch=one.batch,
            first=one.first,
            last=one.last,
            root=_hex(one.root),
            head=_hex(one.head),
            transaction=one.transaction,
            block=one.block or 0,
        )
        for one in batches
    ]


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
