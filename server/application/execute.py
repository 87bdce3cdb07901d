"""Execute: run the contract call that a DELEGATE payment triggers, with the money that arrived."""

import msgspec

from server.application.chain_receipts import revoke_receipt
from server.application.confirm import is_confirmed
from server.application.deliver import REFUND, release
from server.application.fulfil import run
from server.application.paddock import Paddock
from server.application.payout import outgoing, payout_call
from server.application.send import outcome, prepare, sent_for, sign
from server.domain import calls, ledger
from server.domain.deliveries import Delivery
from server.domain.errors import ConfigurationError, HandlerFailed, InternalError, Reverted, UnknownOrder
from server.domain.evidence import Mined, TransferLog, transfers_of
from server.domain.market import Contract
from server.domain.merchant_orders import MerchantOrder, sign_until
from server.domain.orders import Order
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
from server.ports import TransactionSigner, UnitOfWork
from server.services.merchant_order import Agreed
from server.services.service import Execution, Service, json_answer


async def execute(paddock: Paddock, order_id: str) -> float | None:
    """One step of the callback; None when nothing is left to do, else seconds until the next step.

    Safe to run twice: the payout's nonce is the order's, so the token itself lets at most one payout or refund happen.
    The delegate wallet holds the money of many, so nothing is begun for a payment that is not there.
    """
    order = await load(paddock, order_id)
    if order.fulfilment is not FulfilmentState.EXECUTING or order.payment is not PaymentState.SETTLED:
        return None
    service, contract = callback_of(paddock, order)
    async with paddock.db.read() as view:
        sent = await sent_for(view, "callback", order_id)
        made = await view.merchant_orders.get(order_id) if order.by_transfer else None
    if sent is None:
        if made and made.calldata and not made.signature:
            return await _await_signature(paddock, order)
        return await _start(paddock, order, contract, made) if await is_confirmed(paddock, order) else 1.0
    mined = await outcome(paddock.on(order.terms.network).chain, sent)
    if mined is None:
        return 0.5
    if not mined.succeeded:
        await give_up(paddock, order, "the callback's transaction reverted", mined)
        return None
    await complete(paddock, order, service, contract, mined)
    return None


async def _await_signature(paddock: Paddock, order: Order) -> float | None:
    """The payer chooses what its money does, and has to sign that before the order's time is over."""
    if paddock.clock.now() < sign_until(order):
        return 1.0
    await give_up(paddock, order, "its payer did not sign the calldata in time")
    return None


async def _start(paddock: Paddock, order: Order, contract: Contract, made: MerchantOrder | None) -> float | None:
    signer, ground = delegate_of(paddock), paddock.on(order.terms.network)
    data = await payout_call(paddock, signer, order, contract, made)
    try:
        prepared = await prepare(ground.chain, signer, contract.address, data)
    except Reverted as error:
        await give_up(paddock, order, calls.describe_revert(contract.abi, error.data))
        return None
    async with paddock.db.begin("callback signed") as work:
        if await sent_for(work, "callback", order.id):
            return 0.0
        transaction = await sign(work, paddock.clock, signer, ground.market.chain_id, prepared, "callback", order.id)
        order.callback_tx = transaction.hash
        order.learn("callback transaction", transaction.hash)
        await work.orders.save(order)
    await ground.chain.send(transaction.newest.raw)
    return 0.1


async def complete(paddock: Paddock, order: Order, service: Service, contract: Contract, mined: Mined) -> None:
    """The callback ran: write the payout down, make the answer from its events, and release it."""
    payout = payout_in(paddock, order, mined)
    if payout is None or payout.recipient != contract.address or payout.amount != order.terms.amount:
        raise InternalError(f"the callback of order {order.id} succeeded without taking exactly its payment")
    execution = Execution(mined.transaction, contract.address, events(contract, mined))
    try:
        answer = await run(paddock, service, order, execution)
    except HandlerFailed:  # the effect is on chain and paid for: it is delivered, if in plainer words
        answer = json_answer(execution)
    delivery = Delivery(order.id, answer.body, answer.content_type, paddock.clock.now())
    row = ledger.entry(order, "payout", ledger.callback(contract.address), ledger.delegate(order), payout)
    async with paddock.db.begin("callback done") as work:
        if order.fulfilment is FulfilmentState.FAILED and order.money_back is not MoneyBackState.NONE:
            order.give_back(MoneyBackState.NONE, "the callback was mined after all")
        order.callback_tx = mined.transaction
        await _record(work, order, mined)
        await work.deliveries.put(delivery)
        await work.ledger.add(row)
        await release(paddock, work, order, delivery)
        await work.orders.save(order)


async def give_up(paddock: Paddock, order: Order, reason: str, mined: Mined | None = None) -> None:
    """The callback failed for good: the money is due back, and a job sees to it."""
    order.failure = reason
    order.fulfil(FulfilmentState.FAILED, reason)
    order.give_back(MoneyBackState.DUE)
    async with paddock.db.begin("callback failed") as work:
        if order.released_at:  # it had run, and a reorganisation undid that
            await revoke_receipt(paddock, work, order.id, reason)
        await work.orders.save(order)
        if mined:
            await _record(work, order, mined)
        await work.outbox.add(REFUND, order.id, paddock.clock.now())


def payout_in(paddock: Paddock, order: Order, mined: Mined) -> TransferLog | None:
    """The Transfer that used the order's nonce of the delegate wallet, in a mined transaction."""
    _, contract = callback_of(paddock, order)
    return next(iter(transfers_of(mined, outgoing(paddock, order, contract.address))), None)


async def _record(work: UnitOfWork, order: Order, mined: Mined) -> None:
    sent = await work.transactions.of("callback", order.id)
    if sent and mined.transaction in {attempt.hash for attempt in sent.attempts}:
        await work.transactions.record(sent.hash, mined)


def delegate_of(paddock: Paddock) -> TransactionSigner:
    """The delegate wallet's key; only a worker holds it."""
    if paddock.delegate is None:
        raise ConfigurationError("this process holds no delegate wallet key; set PADDOCK_DELEGATE_KEY for the worker")
    return paddock.delegate


def callback_of(paddock: Paddock, order: Order) -> tuple[Service, Contract]:
    """The order's service and the contract that it calls."""
    service = paddock.service_of(order)
    name = service.callback or msgspec.json.decode(order.arguments, type=Agreed).callback
    return service, paddock.on(order.terms.network).market.contracts[name]


def events(contract: Contract, mined: Mined) -> dict[str, dict[str, object]]:
    """The contract's own events in a transaction, decoded."""
    own = [log for log in mined.logs if log.address == contract.address]
    decoded = [calls.decode_event(contract.abi, log.topics, log.data) for log in own]
    return {event.name: event.values for event in decoded if event}


async def load(paddock: Paddock, order_id: str) -> Order:
    """The order as it stands. Raises UnknownOrder."""
    async with paddock.db.read() as view:
        order = await view.orders.get(order_id)
    if order is None:
        raise UnknownOrder(order_id)
    return order
