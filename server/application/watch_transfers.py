"""Watch transfers: read each network once, block by block, for plain Transfers to merchants, and book them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from server.application.execute import load
from server.application.follow import stand
from server.application.paddock import Ground, Paddock
from server.application.settle import arrived
from server.application.take_transfer import end_unpaid, take_transfer
from server.domain import ledger
from server.domain.cases import CaseKind, Opening
from server.domain.evidence import TransferLog, plain_transfers, search_from
from server.domain.orders import Order
from server.domain.states import PaymentState
from server.domain.transfers import Arrival, Cursor, paid_by, subject_of
from server.ports import Chain, UnitOfWork, Way

MOST_BLOCKS = 500
"""Blocks that one look reads at most; nodes refuse longer ranges."""
MOST_LAPSED = 100
LOOK_EVERY = 1.0
SAY_EVERY = timedelta(seconds=10)
"""How often it is written down that there is nothing new; who makes orders wants to know that somebody looks."""


async def watch_transfers(paddock: Paddock, network: str) -> float | None:
    """One look; seconds until the next one, for ever.

    What a look finds is written with the cursor, in one unit of work: no Transfer is left out and none is taken twice,
    wherever the process dies and however many look.
    """
    ground = paddock.on(network)
    async with paddock.db.read() as view:
        cursor = await view.transfers.cursor(network)
    deep = await ground.chain.block_number() - ground.confirmations + 1
    if cursor is None:
        await _begin(paddock, ground, deep)
        return LOOK_EVERY
    if await ground.chain.block_hash(cursor.block) != cursor.block_hash:
        return await _go_back(paddock, ground, cursor)
    last = min(deep, cursor.block + MOST_BLOCKS)
    if last <= cursor.block:
        await _say(paddock, cursor)
        return LOOK_EVERY
    done = await _read_on(paddock, ground, cursor, last)
    return 0.0 if done and last < deep else LOOK_EVERY


async def _begin(paddock: Paddock, ground: Ground, block: int) -> None:
    """No order by transfer is made before this is written, so nothing before it needs to be read."""
    block_hash = await ground.chain.block_hash(block) if block >= 0 else None
    if block_hash:
        cursor = Cursor(ground.market.network, block + 1, block, block_hash, paddock.clock.now())
        await _move(paddock, cursor)


async def _move(paddock: Paddock, cursor: Cursor) -> None:
    async with paddock.db.begin("transfers looked for") as work:
        await work.transfers.move(cursor)


async def _say(paddock: Paddock, cursor: Cursor) -> None:
    now = paddock.clock.now()
    if now - cursor.looked_at >= SAY_EVERY:
        await _move(paddock, replace(cursor, looked_at=now))


async def _go_back(paddock: Paddock, ground: Ground, cursor: Cursor) -> float:
    """A reorganisation replaced blocks that were read: first what they held is taken back, then they are read anew.

    In that order, so that a Transfer that another block holds now is never counted beside itself.
    """
    back = max(cursor.first - 1, search_from(cursor.block))
    there = await ground.chain.block_hash(back)
    if there is None or await ground.chain.block_hash(cursor.block) is None:
        return LOOK_EVERY  # this node lags behind
    async with paddock.db.read() as view:
        touched = await view.transfers.booked_above(cursor.network, back)
    for order_id in touched:
        order = await load(paddock, order_id)
        async with paddock.db.read() as view:
            rows = [row for row in ledger.standing(await view.ledger.of(order_id)) if row.block > back]
        if not await stand(paddock, order, rows):
            return 0.1
    await _move(paddock, replace(cursor, block=back, block_hash=there))
    return 0.0


async def _read_on(paddock: Paddock, ground: Ground, cursor: Cursor, last: int) -> bool:
    """Read the blocks after the cursor up to `last`; False if the chain changed meanwhile, and nothing was written."""
    chain, network = ground.chain, cursor.network
    block_hash = await chain.block_hash(last)
    at = datetime.fromtimestamp(await chain.block_time(last), UTC)
    arrivals = await _arrivals(paddock, ground, cursor.block + 1, last)
    if block_hash is None or arrivals is None or await chain.block_hash(last) != block_hash:
        return False
    async with paddock.db.begin("transfers taken") as work:
        for arrival in arrivals:
            await _hand_over(paddock, work, network, arrival)
        for order_id in await work.transfers.lapsed(network, at, MOST_LAPSED):
            await _expire(paddock, work, await _order(work, order_id))
        moved = replace(cursor, block=last, block_hash=block_hash, looked_at=paddock.clock.now())
        await work.transfers.move(moved)
    return True


async def _arrivals(paddock: Paddock, ground: Ground, first: int, last: int) -> list[Arrival] | None:
    """What came to merchants in those blocks and is not booked, in the chain's order; None if a block is not there."""
    network = ground.market.network
    async with paddock.db.read() as view:
        payees = {merchant.pay_to for merchant in paddock.merchants.values()} | await view.transfers.payees(network)
    if any(merchant.callback for merchant in paddock.merchants.values()):
        payees.add(ground.market.delegate)
    found: list[Arrival] = []
    for asset in ground.market.assets:
        for payee in sorted(payees):
            for log in await ground.chain.transfers(asset.address, payee, first, last):
                if log.recipient != payee or log.sender == payee or not log.amount:
                    continue
                async with paddock.db.read() as view:
                    booked = await view.ledger.booked(network, log.block_hash, log.log_index)
                arrival = None if booked else await _arrival(ground.chain, log)
                if arrival:
                    found.append(arrival)
                elif not booked:
                    return None
    return sorted(found, key=lambda one: (one.transfer.block, one.transfer.log_index))


async def _arrival(chain: Chain, transfer: TransferLog) -> Arrival | None:
    mined = await chain.mined(transfer.transaction)
    if mined is None or mined.block_hash != transfer.block_hash:
        return None
    plain = any(one.log_index == transfer.log_index for one in plain_transfers(mined, transfer.asset))
    at = datetime.fromtimestamp(await chain.block_time(transfer.block), UTC)
    return Arrival(transfer, at, plain, plain and await arrived(chain, transfer))


async def _hand_over(paddock: Paddock, work: UnitOfWork, network: str, arrival: Arrival) -> None:
    """To the order that waits for it; else to the payer's newest one, as money to give back; else to a person."""
    transfer = arrival.transfer
    if not arrival.plain or await work.ledger.booked(network, transfer.block_hash, transfer.log_index):
        return
    way = Way(network, transfer.asset, transfer.sender, transfer.recipient)
    waiting = [await _order(work, order_id) for order_id in await work.transfers.waiting(way)]
    order = paid_by([one for one in waiting if arrival.in_time_for(one)], transfer.amount)
    if order is None:
        newest = await work.transfers.newest(way)
        order = await _order(work, newest) if newest else None
        if order and transfer.block > order.since_block and order.payment is PaymentState.CREATED:
            await _expire(paddock, work, order)
    if order is None or transfer.block <= order.since_block or not arrival.whole:
        if transfer.recipient == paddock.on(network).market.delegate:
            return  # the comparison of the books finds it, and opens the case
        await _open_case(work, _merchants(paddock), network, arrival)
    else:
        await take_transfer(paddock, work, order, transfer)


async def _expire(paddock: Paddock, work: UnitOfWork, order: Order) -> None:
    await end_unpaid(paddock, work, order, PaymentState.EXPIRED, "its time was over before its price had come")


async def _order(work: UnitOfWork, order_id: str) -> Order:
    order = await work.orders.get(order_id)
    assert order is not None
    return order


def _merchants(paddock: Paddock) -> Mapping[str, str]:
    """Merchant by address."""
    return {merchant.pay_to: name for name, merchant in paddock.merchants.items()}


async def _open_case(work: UnitOfWork, merchants: Mapping[str, str], network: str, arrival: Arrival) -> None:
    """Money came that nobody asked for: a person finds out whose it is, and it is not sent to anybody by itself."""
    transfer = arrival.transfer
    why = "no order waits for money from there" if arrival.whole else "its amount did not arrive"
    detail = f"{transfer.amount} of {transfer.asset} came from {transfer.sender} to {transfer.recipient}: {why}"
    subject = subject_of(network, transfer)
    merchant = merchants.get(transfer.recipient, "")
    await work.cases.open(Opening(CaseKind.UNTRACKED_TRANSFER, subject, detail, None, merchant))
