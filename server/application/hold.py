"""Hold: a callback keeps the payment while a worker runs the task; then the merchant has it, or it is due back."""

from datetime import timedelta

from server.application.callback import delegate_of, events, give_up, payout_in, record_callback
from server.application.confirm import is_confirmed
from server.application.deliver import receiver, release
from server.application.fulfil import run
from server.application.paddock import Paddock
from server.application.reconcile import RANGE
from server.application.send import outcome, prepare, sent_for, sign
from server.domain import calls, ledger
from server.domain.deliveries import Delivery
from server.domain.errors import InternalError, PaddockError, Reverted, RunAgain
from server.domain.evidence import Mined, search_from
from server.domain.holds import Ending, ending_in, ends_hold, holds_call, is_kept, release_call
from server.domain.market import Contract
from server.domain.orders import Order
from server.domain.outages import Unavailable
from server.domain.states import MoneyBackState
from server.ports import Call, UnitOfWork
from server.services.service import Answer, Execution, Service, json_answer

RELEASE = "release"
"""What the chain transaction is for that gives the merchant a payment."""
LOOK_EVERY = 2.0
"""Seconds from one look of a task's to the next."""
TELL_EVERY = timedelta(minutes=5)
"""How often the timeline of a task that waits says so: who says nothing for ten minutes looks stuck."""


async def hold(paddock: Paddock, order: Order, service: Service, contract: Contract, mined: Mined) -> float | None:
    """One step of a task whose payment is kept since `mined`; None when it has ended, else seconds to the next step.

    The contract lets a hold end once, whoever ends it and however often it is asked. So it is asked first: its payer
    may have released it, or have it back.
    """
    chain = paddock.on(order.terms.network).chain
    async with paddock.db.read() as view:
        kept = await kept_since(view, order)
        sent = await sent_for(view, RELEASE, order.id)
    if kept is None:
        await keep(paddock, order, contract, mined)
        return 0.0
    landed = await outcome(chain, sent) if sent else None
    if sent and landed is None:
        return 0.5
    if (landed is None or not landed.succeeded) and await is_held(paddock, order, contract):
        if landed is None:
            return await _work(paddock, order, service, contract, mined)
        await give_up(paddock, order, "the contract did not release the payment")
        return None
    ending = await ending_of(paddock, order, contract, kept, landed)
    if ending is None:
        return 1.0
    if ending.back:
        await give_up(paddock, order, "the payment went back to its payer before the task was done")
    else:
        await conclude(paddock, order, contract, ending)
    return None


async def kept_since(view: UnitOfWork, order: Order) -> int | None:
    """The block in which an order's payment reached its callback, by the books; None if it has not."""
    rows = ledger.standing(await view.ledger.of(order.id))
    return next((row.block for row in rows if row.kind == "payout"), None)


async def keep(paddock: Paddock, order: Order, contract: Contract, mined: Mined) -> None:
    """Write down that the callback has the payment, and keeps it."""
    payout = payout_in(paddock, order, mined)
    if payout is None:
        raise InternalError(f"the callback of order {order.id} succeeded without taking its payment")
    row = ledger.entry(order, "payout", ledger.callback(contract.address), receiver(order), payout)
    order.callback_tx = mined.transaction
    order.learn("held", mined.transaction)
    async with paddock.db.begin("payment held") as work:
        await record_callback(work, order, mined)
        await work.orders.save(order)
        await work.ledger.add(row)


async def is_held(paddock: Paddock, order: Order, contract: Contract) -> bool:
    """Whether the contract still keeps the order's payment."""
    asked = Call(contract.address, contract.address, holds_call(order.id))
    return is_kept(await paddock.on(order.terms.network).chain.call(asked))


async def ending_of(
    paddock: Paddock, order: Order, contract: Contract, since: int, landed: Mined | None
) -> Ending | None:
    """How a hold ended that is over: in `landed`, else in what the contract logged, the newest blocks first."""
    chain, asset = paddock.on(order.terms.network).chain, order.terms.asset
    found = ending_in(landed, contract.address, asset, order.id) if landed else None
    oldest, last = search_from(since), await chain.block_number()
    while found is None and last >= oldest:
        first = max(oldest, last - RANGE + 1)
        for event in await chain.events(contract.address, first, last):
            if ends_hold(event.log, contract.address, order.id):
                mined = await chain.mined(event.transaction)
                found = ending_in(mined, contract.address, asset, order.id) if mined else None
        last = first - 1
    return found


async def conclude(paddock: Paddock, order: Order, contract: Contract, ending: Ending) -> None:
    """The payment is the merchant's, and the answer leaves: where its payer released it first, what the chain says."""
    now = paddock.clock.now()
    said = json_answer(Execution(ending.mined.transaction, contract.address, events(contract, ending.mined)))
    if order.money_back is not MoneyBackState.NONE:
        order.give_back(MoneyBackState.NONE, "its payer has released it")
    order.learn("released on chain", ending.mined.transaction, f"by {ending.by}")
    async with paddock.db.begin("task done") as work:
        delivery = await work.deliveries.get(order.id)
        if delivery is None:
            delivery = Delivery(order.id, said.body, said.content_type, now)
            await work.deliveries.put(delivery)
        await release(paddock, work, order, delivery)
        await work.orders.save(order)


async def _work(paddock: Paddock, order: Order, service: Service, contract: Contract, mined: Mined) -> float | None:
    """Run the task once; nothing is decided for a payment that is not there."""
    if not await is_confirmed(paddock, order):
        return 1.0
    execution = Execution(mined.transaction, contract.address, events(contract, mined))
    try:
        answer = await run(paddock, service, order, execution)
    except RunAgain as error:
        await _tell(paddock, order, error.detail)
        return LOOK_EVERY
    except Unavailable:
        raise
    except PaddockError as error:
        await give_up(paddock, order, error.detail)
        return None
    return await _release(paddock, order, contract, answer)


async def _tell(paddock: Paddock, order: Order, why: str) -> None:
    async with paddock.db.read() as view:
        last = (await view.orders.timeline(order.id))[-1].at
    if paddock.clock.now() - last >= TELL_EVERY:
        order.learn("waiting", why)
        async with paddock.db.begin("task waits") as work:
            await work.orders.save(order)


async def _release(paddock: Paddock, order: Order, contract: Contract, answer: Answer) -> float | None:
    """The task is done: store its answer together with the call that gives the merchant the payment.

    Who did so a moment ago changed the order: the other one's write is stale, and nothing of it is kept.
    """
    signer, ground = delegate_of(paddock), paddock.on(order.terms.network)
    try:
        prepared = await prepare(ground.chain, signer, contract.address, release_call(order.id))
    except Reverted as error:
        if not await is_held(paddock, order, contract):
            return 0.0
        await give_up(paddock, order, calls.describe_revert(contract.abi, error.data))
        return None
    async with paddock.db.begin("release signed") as work:
        await work.deliveries.put(Delivery(order.id, answer.body, answer.content_type, paddock.clock.now()))
        sent = await sign(work, paddock.clock, signer, ground.market.chain_id, prepared, RELEASE, order.id)
        order.learn("release transaction", sent.hash)
        await work.orders.save(order)
    await ground.chain.send(sent.newest.raw)
    return 0.1
