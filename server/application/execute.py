"""Execute: run the contract call that a DELEGATE payment triggers, with the money that arrived."""

from server.application.callback import callback_of, delegate_of, events, give_up, payout_in, record_callback
from server.application.confirm import is_confirmed
from server.application.deliver import receiver, release
from server.application.fulfil import run
from server.application.hold import hold
from server.application.paddock import Paddock
from server.application.payout import payout_call
from server.application.send import GAS_MARGIN, call_of, outcome, prepare, sent_for, sign
from server.application.sign_choice import choice_of
from server.application.tracing import on_chain
from server.domain import calls, ledger
from server.domain.deliveries import Delivery
from server.domain.errors import BadArguments, HandlerFailed, InternalError, Reverted, UnknownOrder
from server.domain.evidence import Mined
from server.domain.market import Contract
from server.domain.orders import Order
from server.domain.sending import ChainTransaction
from server.domain.states import FulfilmentState, MoneyBackState, PaymentState
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
    if order.atomic:
        return await _conclude(paddock, order, service, contract)
    async with paddock.db.read() as view:
        sent = await sent_for(view, "callback", order_id)
    if sent is None:
        return await _begin(paddock, order, contract)
    mined = await outcome(paddock.on(order.terms.network).chain, sent)
    if mined is None:
        return 0.5
    if not mined.succeeded:
        await give_up(paddock, order, await _why_reverted(paddock, order, contract, sent), mined)
        return None
    if service.held_seconds:
        return await hold(paddock, order, service, contract, mined)
    await complete(paddock, order, service, contract, mined)
    return None


async def _conclude(paddock: Paddock, order: Order, service: Service, contract: Contract) -> float | None:
    """The payment's own chain transaction ran the callback: nothing is sent, its events are read."""
    mined = await paddock.on(order.terms.network).chain.mined(order.settlement_tx or "")
    if mined is None:
        return 0.5
    await complete(paddock, order, service, contract, mined)
    return None


async def _begin(paddock: Paddock, order: Order, contract: Contract) -> float | None:
    """Once the payment stands, and the payer has signed what it chose; without that, its money is due back in time."""
    choice, chosen = choice_of(paddock, order), None
    if choice:
        async with paddock.db.read() as view:
            signed = await view.calldata.get(order.id)
        left = (choice.sign_by - paddock.clock.now()).total_seconds()
        if signed is None and left > 0:
            return left
        if signed is None:
            await give_up(paddock, order, "the payer did not sign the calldata that it chose in time")
            return None
        chosen = calls.SignedCalldata(choice.action.calldata, choice.action.deadline, signed.signature)
    return await _start(paddock, order, contract, chosen) if await is_confirmed(paddock, order) else 1.0


async def _start(
    paddock: Paddock, order: Order, contract: Contract, chosen: calls.SignedCalldata | None
) -> float | None:
    signer, ground = delegate_of(paddock), paddock.on(order.terms.network)
    data = await payout_call(paddock, signer, order, contract, chosen)
    try:
        prepared = await prepare(ground.chain, signer, contract.address, data)
    except Reverted as error:
        await give_up(paddock, order, calls.describe_revert(contract.abi, error.data))
        return None
    if prepared.gas > ground.market.execution_gas * GAS_MARGIN:
        await give_up(paddock, order, f"the callback would use {prepared.gas} gas, more than is paid for here")
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


async def _why_reverted(paddock: Paddock, order: Order, contract: Contract, sent: ChainTransaction) -> str:
    """Why a mined call failed, by the contract's errors; the chain keeps no reason, so it is asked once more."""
    reason = "the callback's transaction reverted"
    try:
        await paddock.on(order.terms.network).chain.call(call_of(sent))
    except Reverted as error:
        return f"{reason}: {calls.describe_revert(contract.abi, error.data)}"
    return reason


async def complete(paddock: Paddock, order: Order, service: Service, contract: Contract, mined: Mined) -> None:
    """The callback ran: write the payout down, make the answer from its events, and release it."""
    payout = payout_in(paddock, order, mined)
    if payout is None or payout.recipient != contract.address or payout.amount != order.terms.amount:
        raise InternalError(f"the callback of order {order.id} succeeded without taking exactly its payment")
    on_chain(mined.transaction, mined.block)
    execution = Execution(mined.transaction, contract.address, events(contract, mined))
    try:
        answer = await run(paddock, service, order, execution)
    except (BadArguments, HandlerFailed):  # the effect is on chain and paid for: it is delivered, if in plainer words
        answer = json_answer(execution)
    delivery = Delivery(order.id, answer.body, answer.content_type, paddock.clock.now())
    row = ledger.entry(order, "payout", ledger.callback(contract.address), receiver(order), payout)
    async with paddock.db.begin("callback done") as work:
        if order.fulfilment is FulfilmentState.FAILED and order.money_back is not MoneyBackState.NONE:
            order.give_back(MoneyBackState.NONE, "the callback was mined after all")
        order.callback_tx = mined.transaction
        await record_callback(work, order, mined)
        await work.deliveries.put(delivery)
        await work.ledger.add(row)
        await release(paddock, work, order, delivery)
        await work.orders.save(order)


async def load(paddock: Paddock, order_id: str) -> Order:
    """The order as it stands. Raises UnknownOrder."""
    async with paddock.db.read() as view:
        order = await view.orders.get(order_id)
    if order is None:
        raise UnknownOrder(order_id)
    return order
