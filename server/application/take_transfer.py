"""Take a transfer: book what came for an order by plain transfers, and everything that follows from how much, and when.

What came and is not kept is owed: `received - returned - price`, or without the price where nothing is delivered.
"""

import logging

from server.application.cases import open_case
from server.application.chain_receipts import revoke_receipt
from server.application.deliver import EXECUTE, FOLLOW, PERFORM, UNPAID, owe_rest, receiver, sign_again
from server.application.order_fees import return_fee
from server.application.paddock import Paddock
from server.domain import ledger
from server.domain.cases import CaseKind
from server.domain.evidence import Mined, TransferLog, plain_transfers
from server.domain.ledger import Entry
from server.domain.orders import Order
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.ports import UnitOfWork

log = logging.getLogger(__name__)

AGAIN = "a reorganisation took it back"


async def take_transfer(paddock: Paddock, work: UnitOfWork, order: Order, transfer: TransferLog) -> None:
    """Book a Transfer that is deep enough, and move the order on; all of it happens with the caller's unit of work.

    The order is paid when everything that came before it ended adds up to its price. What comes later is due back.
    """
    await _book(work, order, transfer)
    if order.payment is PaymentState.CREATED:
        if _paid(order):
            await _go_on(paddock, work, order, transfer.transaction)
    elif order.payment in UNPAID:
        await _take_late(paddock, work, order)
    await owe_rest(paddock, work, order)
    await work.orders.save(order)


async def end_unpaid(paddock: Paddock, work: UnitOfWork, order: Order, state: PaymentState, why: str) -> None:
    """The order's time is over, or it is cancelled, before its price came together: what came is due back.

    So is the fee that its merchant has paid for it.
    """
    order.pay(state, why)
    await return_fee(work, order.id)
    if order.fulfilment is FulfilmentState.RELEASED:
        order.failure = f"delivered, then a reorganisation took the payment back: {why}"
        log.error("order %s was %s", order.id, order.failure)
        await revoke_receipt(paddock, work, order.id, order.failure)
    elif order.received:
        await _give_up(paddock, work, order, "partial", f"only {order.received} of {order.price} atomic units came")
    await work.orders.save(order)


async def take_back_transfer(paddock: Paddock, order: Order, row: Entry, mined: Mined | None) -> None:
    """A reorganisation: the row is reversed; a Transfer that stands in another block already is booked anew.

    Without it an order that is not paid any more waits for money again, until its time is over.
    """
    found = plain_transfers(mined, row.asset) if mined else []
    same = [one for one in found if (one.sender, one.recipient, one.amount) == (*_parties(order), row.amount)]
    order.round += 1
    order.learn("reorganised", row.transaction, f"its transfer is not in block {row.block} any more")
    async with paddock.db.begin("transfer reversed") as work:
        await work.ledger.add(ledger.reversed_entry(row))
        order.received = (order.received or 0) - row.amount
        again = [one for one in same if not await _is_booked(work, order, one)]
        if again:
            await _book(work, order, again[0])
            if order.fulfilment is FulfilmentState.RELEASED and order.payment is PaymentState.SETTLED:
                await sign_again(paddock, work, order)
        else:
            await _name_the_rest(work, order)
            _wait_again(order)
            await open_case(work, CaseKind.REVERSED, order.id, f"a reorganisation took back {row.amount} atomic units")
        await work.orders.save(order)


def _paid(order: Order) -> bool:
    return order.received is not None and order.received >= order.price


def _parties(order: Order) -> tuple[str, str]:
    return order.authorization.payer, order.terms.pay_to


async def _is_booked(work: UnitOfWork, order: Order, transfer: TransferLog) -> bool:
    return await work.ledger.booked(order.terms.network, transfer.block_hash, transfer.log_index)


async def _book(work: UnitOfWork, order: Order, transfer: TransferLog) -> None:
    row = ledger.entry(order, "settlement", receiver(order), ledger.payer(order), transfer)
    await work.ledger.add(ledger.numbered(row, await work.ledger.of(order.id)))
    order.received = (order.received or 0) + transfer.amount
    order.settlement_tx, order.settlement_block = transfer.transaction, transfer.block
    note = f"{transfer.amount} atomic units came, {order.received} of {order.terms.amount} in all"
    order.learn("transfer", transfer.transaction, note)


async def _go_on(paddock: Paddock, work: UnitOfWork, order: Order, note: str) -> None:
    """The price is there: the handler runs, unless it did before a reorganisation took the money away."""
    now = paddock.clock.now()
    order.paid_at = order.paid_at or now
    order.pay(PaymentState.SETTLED, note)
    order.drop_lease()
    if order.fulfilment is FulfilmentState.RELEASED:
        await sign_again(paddock, work, order)
    elif order.terms.mode.calls_contract and order.fulfilment in (FulfilmentState.NONE, FulfilmentState.EXECUTING):
        if order.fulfilment is FulfilmentState.NONE:
            order.fulfil(FulfilmentState.EXECUTING)
        await work.outbox.ensure(EXECUTE, order.id, now)
    elif order.fulfilment is not FulfilmentState.FAILED:
        await work.outbox.ensure(PERFORM, order.id, now)
    await work.outbox.add(FOLLOW, order.id, now)


async def _take_late(paddock: Paddock, work: UnitOfWork, order: Order) -> None:
    """Money for an order that had ended. It pays for an answer that left already, else it is due back."""
    if order.fulfilment is not FulfilmentState.RELEASED:
        await _give_up(paddock, work, order, "late", "the payment came after the order had ended")
    elif _paid(order):
        await _go_on(paddock, work, order, "late")


async def _give_up(paddock: Paddock, work: UnitOfWork, order: Order, note: str, why: str) -> None:
    now = paddock.clock.now()
    order.paid_at = order.paid_at or now
    order.pay(PaymentState.SETTLED, note)
    if order.fulfilment is not FulfilmentState.FAILED:
        order.fulfil(FulfilmentState.FAILED, why)
    order.failure = why
    order.drop_lease()
    await owe_rest(paddock, work, order)
    await work.outbox.add(FOLLOW, order.id, now)


async def _name_the_rest(work: UnitOfWork, order: Order) -> None:
    """What paid an order is the newest of its transfers that stand."""
    rows = ledger.standing(await work.ledger.of(order.id))
    for row in (row for row in rows if row.kind == "settlement"):
        order.settlement_tx, order.settlement_block = row.transaction, row.block


def _wait_again(order: Order) -> None:
    """Where what is left does not pay: a failed order needs no price, but something to give back."""
    failed = order.fulfilment is FulfilmentState.FAILED
    pays = bool(order.received) if failed else _paid(order)
    if order.payment is PaymentState.SETTLED and not pays:
        order.pay(PaymentState.CREATED, AGAIN)
    if order.money_back is MoneyBackState.DUE and not (pays and order.due_back):
        order.give_back(MoneyBackState.NONE, AGAIN)
