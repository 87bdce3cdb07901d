"""Recover: after an older copy of the database was restored, find the x402 payments to merchants it does not know."""

from collections.abc import Iterable, Mapping

from server.application.paddock import Ground, ground_of
from server.application.reconcile import Books, Difference
from server.domain.cases import Case, CaseKind, Opening
from server.domain.evidence import TransferLog, plain_transfers, search_from
from server.domain.market import Merchant
from server.domain.orders import Order
from server.domain.states import PaymentState
from server.ports import Chain

NEWEST = 1000
"""Orders that are looked at: for the block to begin at, and for payments that are under way."""


async def recover(books: Books, merchants: Mapping[str, Merchant], from_block: int | None = None) -> list[Case]:
    """Open a case for each payment to a merchant that neither ledger nor orders account for; harmless to repeat.

    Without a block it looks from a little before the newest order of each network: right after a restore, before new
    orders are taken, nothing older can be missing. What came to the delegate wallet `reconcile` finds; plain transfers
    `watch_transfers` reads on from where the copy had read to.
    """
    async with books.db.read() as view:
        orders = await view.orders.recent(NEWEST)
    since = {order.terms.network: search_from(order.since_block) for order in reversed(orders)}
    known = await _under_way(books, orders)
    openings: list[Opening] = []
    for network, ground in books.grounds.items():
        start = since.get(network, 0) if from_block is None else from_block
        openings += await _lost(books, ground, merchants, start, known)
    async with books.db.begin("recovered") as work:
        return [await work.cases.open(opening) for opening in openings]


async def _under_way(books: Books, orders: Iterable[Order]) -> set[tuple[str, int]]:
    """Transfers by which orders are paid that do not know of it yet: the worker finds those by itself."""
    found: set[tuple[str, int]] = set()
    for order in orders:
        chain = ground_of(books.grounds, order.terms.network).chain
        if order.payment is PaymentState.SETTLED or order.by_transfer:
            continue
        if await chain.nonce_used(order.spend):
            paid = await chain.spent_in(order.spend, search_from(order.since_block))
            found |= {(one.transaction, one.log_index) for one in paid}
    return found


async def _lost(
    books: Books, ground: Ground, merchants: Mapping[str, Merchant], since: int, known: set[tuple[str, int]]
) -> list[Opening]:
    """What came to merchants since a block and is in none of the books; several may share an address."""
    network, lost = ground.market.network, list[Opening]()
    payees = {merchant.pay_to: merchant for merchant in merchants.values()}
    for asset in ground.market.assets:
        async with books.db.read() as view:
            rows = [await view.ledger.touching(network, asset.address, f"merchant:{name}") for name in merchants]
        booked = known | {(row.transaction, row.log_index) for own in rows for row in own}
        for payee, merchant in payees.items():
            logs = await ground.chain.transfers(asset.address, payee, since)
            came = [log for log in logs if log.recipient == payee and (log.transaction, log.log_index) not in booked]
            lost += [_opening(network, merchant, log) for log in came if not await _is_plain(ground.chain, log)]
    return lost


async def _is_plain(chain: Chain, log: TransferLog) -> bool:
    mined = await chain.mined(log.transaction)
    return mined is not None and log in plain_transfers(mined, log.asset)


def _opening(network: str, merchant: Merchant, log: TransferLog) -> Opening:
    detail = f"{log.amount} atomic units of {log.asset} came from {log.sender} in block {log.block}, for no known order"
    subject = Difference("chain", network, log.transaction, log.log_index, detail).subject
    return Opening(CaseKind.LOST_PAYMENT, subject, detail, None, merchant.id)
