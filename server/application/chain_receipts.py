"""Chain receipts: append what is final to its merchant's hash chain, and take back by appending, never by changing."""

import msgspec

from protocol.chains import GENESIS, entry
from protocol.receipts import SignedReceipt
from protocol.revocations import Revocation, SignedRevocation
from protocol.verification import content_of
from server.application.deliver import ANCHOR, CHAIN_RECEIPTS
from server.application.paddock import Paddock
from server.application.tracing import mark
from server.domain.anchors import Chained, Kind
from server.domain.errors import UnknownOrder
from server.domain.orders import Order
from server.domain.states import FulfilmentState
from server.ports import UnitOfWork

MOST_AT_ONCE = 100
"""Receipts that one unit of work appends, so that none holds the chain for long."""


async def ask_to_chain(paddock: Paddock, work: UnitOfWork, order: Order) -> None:
    """Have a final order's receipt wait for its turn; an order without a receipt is none of the chain's business.

    Only what is final is chained, so that no payment is anchored which a reorganisation can still undo.
    """
    if order.final_at is None or order.released_at is None or order.fulfilment is not FulfilmentState.RELEASED:
        return
    await work.receipt_chain.enqueue(order.id, order.terms.merchant, order.released_at)
    await work.outbox.add(CHAIN_RECEIPTS, order.terms.merchant, paddock.clock.now())


async def chain_receipts(paddock: Paddock, merchant: str) -> float | None:
    """Append the receipts that wait, in the order of their release; None when none waits any more.

    Safe to run twice and at once: the key (merchant, index) lets one writer append, and the other one reads again.
    """
    async with paddock.db.begin("chained") as work:
        waiting = await work.receipt_chain.waiting(merchant, MOST_AT_ONCE)
        tail = await work.receipt_chain.tail(merchant) if waiting else None
        for order_id in waiting:
            found = await work.receipts.get(order_id)
            if found is None:
                raise UnknownOrder(f"order {order_id} waits to be chained and has no receipt")
            tail = await _append(paddock, work, merchant, order_id, found[0], tail)
        if waiting:
            await ask_to_anchor(paddock, work, merchant)
    await mark(paddock.tracing, paddock.db, "chained", waiting)
    return 0.0 if len(waiting) == MOST_AT_ONCE else None


async def revoke_receipt(paddock: Paddock, work: UnitOfWork, order_id: str, reason: str) -> None:
    """Say in the chain, signed, that an order's receipt no longer holds; in the caller's unit of work.

    Harmless to repeat. A receipt that still waits for its turn is then never chained. Raises UnknownOrder where there
    is no receipt, StaleWrite when another writer was faster.
    """
    order, found = await work.orders.get(order_id), await work.receipts.get(order_id)
    if order is None or found is None:
        raise UnknownOrder(f"order {order_id} has no receipt to revoke")
    if any(known.kind is Kind.REVOKED for known in await work.receipt_chain.of(order_id)):
        return
    statement = Revocation(
        order_id=order_id,
        network=found[0].receipt.network,
        receipt_hash="0x" + found[0].receipt.digest().hex(),
        reason=reason,
        revoked_at=int(paddock.clock.now().timestamp()),
    )
    signature = await paddock.receipts.sign_digest(statement.digest())
    signed, merchant = SignedRevocation(statement, "0x" + signature.hex()), order.terms.merchant
    await _append(paddock, work, merchant, order_id, signed, await work.receipt_chain.tail(merchant))
    await ask_to_anchor(paddock, work, merchant)


async def ask_to_anchor(paddock: Paddock, work: UnitOfWork, merchant: str) -> None:
    """Ask for a look now: it puts itself off until enough time has passed, or enough entries wait."""
    await work.outbox.add(ANCHOR, merchant, paddock.clock.now())


async def _append(
    paddock: Paddock,
    work: UnitOfWork,
    merchant: str,
    order_id: str,
    signed: SignedReceipt | SignedRevocation,
    tail: Chained | None,
) -> Chained:
    """The new entry, after `tail`."""
    index, previous = (tail.index + 1, tail.link) if tail else (0, GENESIS)
    made = entry(merchant, index, previous, content_of(signed))
    is_receipt = isinstance(signed, SignedReceipt)
    chained = Chained(
        merchant=merchant,
        index=index,
        kind=Kind.RECEIPT if is_receipt else Kind.REVOKED,
        order_id=order_id,
        previous=previous,
        content=made.content,
        link=made.link,
        appended_at=paddock.clock.now(),
        revocation=None if is_receipt else msgspec.json.encode(signed),
    )
    await work.receipt_chain.append(chained)
    return chained
