"""Refund: send a failed DELEGATE order's money back to its payer, at most once by the token's own rule."""

from protocol.typed_data import authorization_digest, order_nonce
from server.application.cases import open_case
from server.application.execute import authorization_for, callback_of, complete, delegate_of, load
from server.application.paddock import Paddock
from server.application.screen import refused_refund
from server.application.send import look, prepare, record, sign
from server.domain import calls, ledger
from server.domain.cases import CaseKind
from server.domain.errors import Reverted
from server.domain.evidence import Mined, TransferLog, search_from
from server.domain.orders import Order
from server.domain.refunds import BLOCKED
from server.domain.sending import ChainTransaction, TransactionState
from server.domain.states import MoneyBackState

MOVING = (MoneyBackState.DUE, MoneyBackState.SENDING, MoneyBackState.IN_DOUBT)


async def refund(paddock: Paddock, order_id: str) -> float | None:
    """One step of the refund; None when nothing is left to do, else seconds until the next step.

    The chain is asked first who used the order's nonce: the payer was refunded, or the callback ran after all.
    """
    order = await load(paddock, order_id)
    if order.money_back not in MOVING:
        return None
    terms = order.terms
    if await paddock.chain.authorization_used(terms.asset, paddock.market.delegate, order_nonce(order.id)):
        return await _ended(paddock, order)
    async with paddock.db.read() as view:
        sent = await view.transactions.of("refund", order_id)
    if sent is None or (order.money_back is MoneyBackState.DUE and _is_over(sent)):
        return await _start(paddock, order)
    mined = await look(paddock.chain, sent)
    if mined is not None and not mined.succeeded:
        await _block(paddock, order, "the refund's transaction reverted", mined)
        return None
    return 0.2


def _is_over(sent: ChainTransaction) -> bool:
    """Whether it can move no money any more: after a refund that reverted another one may be sent."""
    return sent.state is TransactionState.REVERTED


async def _start(paddock: Paddock, order: Order) -> float | None:
    listed = await refused_refund(paddock, order)
    if listed is not None:
        await _block(paddock, order, f"screening refuses the payer: {listed}")
        return None
    signer = delegate_of(paddock)
    back = authorization_for(paddock, order, order.authorization.payer)
    signature = signer.sign_digest(authorization_digest(paddock.market.domain, back))
    try:
        prepared = await prepare(
            paddock.chain, signer, order.terms.asset, calls.transfer_with_authorization(back, signature)
        )
    except Reverted as error:
        await _block(paddock, order, calls.describe_revert((), error.data) + f" ({error.detail})")
        return None
    async with paddock.db.begin("refund signed") as work:
        sent = await work.transactions.of("refund", order.id)
        if sent and not _is_over(sent):
            return 0.0
        transaction = await sign(work, signer, paddock.market.chain_id, prepared, "refund", order.id)
        order.refund_tx = transaction.hash
        order.give_back(MoneyBackState.SENDING, transaction.hash)
        await work.orders.save(order)
    await paddock.chain.send(transaction.raw)
    return 0.1


async def _ended(paddock: Paddock, order: Order) -> float | None:
    """The nonce is used: learn from the chain by which of the two."""
    terms = order.terms
    transfer = await paddock.chain.authorization_transfer(
        terms.asset, paddock.market.delegate, order_nonce(order.id), search_from(order.since_block)
    )
    service, contract = callback_of(paddock, order)
    if transfer is None:
        await _block(paddock, order, "the nonce was cancelled without a transfer")
    elif transfer.recipient == order.authorization.payer:
        await _refunded(paddock, order, transfer)
    elif transfer.recipient == contract.address:
        mined = await paddock.chain.mined(transfer.transaction)
        if mined is None:
            return 0.5
        await complete(paddock, order, service, contract, mined)
    else:
        await _block(paddock, order, f"the money went to {transfer.recipient}")
    return None


async def _refunded(paddock: Paddock, order: Order, transfer: TransferLog) -> None:
    row = ledger.entry(
        order, "refund", ledger.payer(order), ledger.delegate(order), transfer.transaction, transfer.log_index
    )
    async with paddock.db.begin("refunded") as work:
        if order.money_back is MoneyBackState.DUE:
            order.give_back(MoneyBackState.SENDING, transfer.transaction)
        order.refund_tx = transfer.transaction
        order.give_back(MoneyBackState.REFUNDED, transfer.transaction)
        await work.ledger.add(row)
        await work.orders.save(order)


async def _block(paddock: Paddock, order: Order, reason: str, mined: Mined | None = None) -> None:
    """The money cannot go back now: it stays a liability, and a case tells the operator why."""
    order.give_back(MoneyBackState.BLOCKED, reason)
    order.failure = f"{order.failure}{BLOCKED}"
    async with paddock.db.begin("refund blocked") as work:
        await work.orders.save(order)
        if mined:
            await record(work, mined)
        await open_case(work, CaseKind.REFUND_BLOCKED, order.id, reason)
