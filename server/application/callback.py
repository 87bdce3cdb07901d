"""Callback: the contract that an order's payment is handed to, what it logged, and what follows when it fails."""

from server.application.chain_receipts import revoke_receipt
from server.application.deliver import REFUND
from server.application.paddock import Paddock
from server.application.payout import outgoing
from server.domain import calls
from server.domain.errors import ConfigurationError
from server.domain.evidence import Mined, TransferLog, moved_by_executor, transfers_of
from server.domain.market import Contract
from server.domain.orders import Order
from server.domain.states import FulfilmentState, MoneyBackState
from server.ports import TransactionSigner, UnitOfWork
from server.services.choices import callback_in
from server.services.service import Service


def callback_of(paddock: Paddock, order: Order) -> tuple[Service, Contract]:
    """The order's service and the contract that it calls."""
    service = paddock.service_of(order)
    name = callback_in(service, order.arguments)
    assert name is not None
    return service, paddock.on(order.terms.network).market.contracts[name]


def delegate_of(paddock: Paddock) -> TransactionSigner:
    """The delegate wallet's key; only a worker holds it."""
    if paddock.delegate is None:
        raise ConfigurationError("this process holds no delegate wallet key; set PADDOCK_DELEGATE_KEY for the worker")
    return paddock.delegate


def events(contract: Contract, mined: Mined) -> dict[str, dict[str, object]]:
    """The contract's own events in a transaction, decoded."""
    own = [log for log in mined.logs if log.address == contract.address]
    decoded = [calls.decode_event(contract.abi, log.topics, log.data) for log in own]
    return {event.name: event.values for event in decoded if event}


def payout_in(paddock: Paddock, order: Order, mined: Mined) -> TransferLog | None:
    """The Transfer by which the payment reached its callback, in a mined transaction.

    From the delegate wallet it used the order's nonce; from an executor it follows the payer's own.
    """
    _, contract = callback_of(paddock, order)
    if order.atomic:
        handed_on = moved_by_executor(mined, order.spend, order.terms.pay_to, contract.address)
        return next((one for one in handed_on if one.amount == order.price), None)
    return next(iter(transfers_of(mined, outgoing(paddock, order, contract.address))), None)


async def record_callback(work: UnitOfWork, order: Order, mined: Mined) -> None:
    """What became of the callback's transaction, where it is one of ours."""
    sent = await work.transactions.of("callback", order.id)
    if sent and mined.transaction in {attempt.hash for attempt in sent.attempts}:
        await work.transactions.record(sent.hash, mined)


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
            await record_callback(work, order, mined)
        await work.outbox.add(REFUND, order.id, paddock.clock.now())
