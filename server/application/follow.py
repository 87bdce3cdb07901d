"""Follow: watch an order until what the chain says of it is final, and see what a reorganisation takes back."""

import logging
from collections.abc import Sequence

from server.application.cases import open_case
from server.application.deliver import EXECUTE, REFUND, RESOLVE, UNPAID, receiver, record_settled
from server.application.execute import load
from server.application.paddock import Paddock
from server.application.prove import keep_proof, proof_record
from server.application.settle import evidence_in, that_pay
from server.application.take_transfer import take_back_transfer
from server.application.waive import watch_waived
from server.domain import ledger
from server.domain.cases import CaseKind
from server.domain.evidence import Mined, search_from
from server.domain.ledger import Entry
from server.domain.orders import Order
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.ports import Chain, UnitOfWork

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
LATE_LOOK_EVERY = 5.0


async def follow(paddock: Paddock, order_id: str) -> float | None:
    """None when nothing can change any more, else seconds until the next look."""
    order = await load(paddock, order_id)
    if order.final_at is not None:
        return None
    if order.payment is not PaymentState.SETTLED and order.by_transfer:
        return None
    final = await paddock.on(order.terms.network).chain.final_block()
    async with paddock.db.read() as view:
        rows = ledger.standing(await view.ledger.of(order_id))
    if not await stand(paddock, order, rows):
        return LOOK_EVERY
    moving = any(row.block > final for row in rows)
    if order.payment is not PaymentState.SETTLED:  # what was done with a payment that is gone may be gone as well
        late = await _watch_for_late_money(paddock, order) if order.payment in UNPAID else None
        return LOOK_EVERY if moving else late
    if not order.ended or moving:
        return LOOK_EVERY
    if order.waived and (wait := await watch_waived(paddock, order)) is not None:
        return wait
    await _finalize(paddock, order, final)
    return None


async def stand(paddock: Paddock, order: Order, rows: Sequence[Entry]) -> bool:
    """Whether the chain still shows an order's rows; takes back the first that it does not show any more."""
    chain = paddock.on(order.terms.network).chain
    for row in rows:
        mined = await chain.mined(row.transaction)
        if not row.block_hash and (mined is None or mined.block > await chain.final_block()):
            return False  # written before rows named their block: it stands when nothing can move it any more
        if row.block_hash and (mined is None or mined.block_hash != row.block_hash):
            if await _is_off_the_chain(chain, row):
                await _take_back(paddock, order, row, mined)
            return False
    return True


async def _is_off_the_chain(chain: Chain, row: Entry) -> bool:
    """Whether another block stands where a row's was. A node that lags, or has lost a receipt, shows no such thing."""
    there = await chain.block_hash(row.block)
    return there is not None and there != row.block_hash


async def _take_back(paddock: Paddock, order: Order, row: Entry, mined: Mined | None) -> None:
    """A reorganisation: the row is reversed; a payment that stands in another block already is written down anew."""
    log.warning("a reorganisation took back the %s of order %s", row.kind, order.id)
    settles = row.kind == "settlement"
    if settles and order.by_transfer:
        await take_back_transfer(paddock, order, row, mined)
        return
    again = await evidence_in(paddock, order, row.transaction) if settles and mined else []
    order.round += 1
    order.learn("reorganised", row.transaction, f"its {row.kind} is not in block {row.block} any more")
    async with paddock.db.begin("reversed") as work:
        await work.ledger.add(ledger.reversed_entry(row))
        if again:
            order.settlement_block = again[0].block
            await work.ledger.add(ledger.entry(order, row.kind, receiver(order), ledger.payer(order), again[0]))
        else:
            if settles and order.atomic:
                await _undo_action(work, order, row)
            await _undo(paddock, work, order, row)
            await open_case(work, CaseKind.REVERSED, order.id, f"a reorganisation took back its {row.kind}")
        await work.orders.save(order)


async def _undo_action(work: UnitOfWork, order: Order, payment: Entry) -> None:
    """An atomic payment is off the chain, and so is what its chain transaction did beside it."""
    for row in ledger.standing(await work.ledger.of(order.id)):
        if row.kind == "payout" and row.transaction == payment.transaction:
            await work.ledger.add(ledger.reversed_entry(row))
    order.callback_tx = None
    if order.fulfilment is FulfilmentState.RELEASED:
        order.fulfil(FulfilmentState.EXECUTING, "a reorganisation took it back")


async def _undo(paddock: Paddock, work: UnitOfWork, order: Order, row: Entry) -> None:
    """Move the column that the row stood for back to where a job brings it on, by the chain's word."""
    why, topic = "a reorganisation took it back", RESOLVE
    if row.kind == "settlement":
        order.pay(PaymentState.IN_DOUBT, why)
    elif row.kind == "payout":
        if order.fulfilment is FulfilmentState.RELEASED:
            order.fulfil(FulfilmentState.EXECUTING, why)
        await _undo_give_back(work, order, row)
        topic = EXECUTE if order.fulfilment is FulfilmentState.EXECUTING else REFUND
    else:
        order.give_back(MoneyBackState.SENDING, why)
        if order.by_transfer:
            order.returned, order.refunds = order.returned - row.amount, order.refunds - 1
        topic = REFUND
    await work.outbox.add(topic, order.id, paddock.clock.now())


async def _undo_give_back(work: UnitOfWork, order: Order, payout: Entry) -> None:
    """What a callback held never reached it, so it gave nothing back: that is booked again after its payout."""
    for row in ledger.standing(await work.ledger.of(order.id)):
        if row.kind == "refund" and row.credit == payout.debit:
            await work.ledger.add(ledger.reversed_entry(row))
            order.give_back(MoneyBackState.SENDING, "a reorganisation took back what it is of")


async def _watch_for_late_money(paddock: Paddock, order: Order) -> float | None:
    """An authorization that was not used when its order ended can still be handed in by anybody, until it lapses."""
    chain, spend = paddock.on(order.terms.network).chain, order.spend
    final = await chain.final_block()
    if await chain.nonce_used(spend):
        paid = await that_pay(chain, order, await chain.spent_in(spend, search_from(order.since_block)))
        if paid:
            await record_settled(paddock, order.id, paid)
            return None
        return None if await chain.nonce_used(spend, block=final) else LATE_LOOK_EVERY
    lapsed = order.authorization.lapsed(await chain.block_time(final))
    return None if lapsed else LATE_LOOK_EVERY


async def _finalize(paddock: Paddock, order: Order, block: int) -> None:
    """With its proof, unless money is still owed for it: what gives that back has it followed, and final, anew."""
    order.final_at = paddock.clock.now()
    order.learn("final", f"block {block}")
    record = None if order.owes else await proof_record(paddock, order)
    async with paddock.db.begin("final") as work:
        await work.orders.save(order)
        if record is not None:
            await keep_proof(paddock, work, order, record)
