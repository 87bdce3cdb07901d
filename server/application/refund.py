"""Refund: send an order's money back to its payer, at most once by the token's or Permit2's own rule."""

from collections.abc import Sequence

from protocol.payment import PERMIT2, Method, Payment
from server.application.callback import callback_of, delegate_of
from server.application.cases import open_case
from server.application.confirm import is_confirmed
from server.application.deliver import owe_rest
from server.application.execute import complete, load
from server.application.hold import conclude, ending_of, is_held, keep, kept_since
from server.application.paddock import Paddock
from server.application.payout import outgoing
from server.application.refund_source import Source, signed_by, source_of, spend_from
from server.application.screen import refused_refund
from server.application.send import GAS_MARGIN, Prepared, outcome, prepare, sent_for, sign
from server.application.tracing import on_chain
from server.domain import calls, ledger
from server.domain.cases import CaseKind
from server.domain.errors import RefundRefused, Reverted
from server.domain.evidence import Mined, Spend, TransferLog, search_from
from server.domain.holds import give_back_call
from server.domain.ledger import standing
from server.domain.market import Contract
from server.domain.orders import Order
from server.domain.payment_calls import MOST_WALLET_GAS, payment_call
from server.domain.refunds import AWAITS_MERCHANT, BLOCKED, least_refund, with_block
from server.domain.sending import ChainTransaction, TransactionState
from server.domain.states import MoneyBackState
from server.ports import TransactionSigner

SEND, GIVE_BACK = "refund", "give back"
"""What a chain transaction is for by which a wallet, or the callback that holds it, sends the money back."""
UNTIL_FINAL = 1.0
"""Seconds until another look whether what came by plain transfers is final."""
MOVING = (MoneyBackState.DUE, MoneyBackState.SENDING, MoneyBackState.IN_DOUBT)


async def refund(paddock: Paddock, order_id: str) -> float | None:
    """One step of the refund; None when nothing is left to do, else seconds until the next step.

    The chain is asked first who used the order's nonce: the payer was refunded, or the callback ran after all. Nothing
    goes back for a payment that is not there.
    """
    order = await load(paddock, order_id)
    if order.money_back not in MOVING:
        return None
    if (held := await _held(paddock, order)) is not None:
        return await _give_back(paddock, order, *held)
    source = await source_of(paddock, order)
    if source is None:
        reason = f"merchant {order.terms.merchant} has no refund float, and has signed no refund that can be used"
        await _block(paddock, order, reason, words=AWAITS_MERCHANT)
        return None
    chain = paddock.on(order.terms.network).chain
    if order.by_transfer and not order.due_back and order.money_back is MoneyBackState.DUE:
        await _nothing_left(paddock, order)
        return None
    if await chain.nonce_used(spend_from(paddock.grounds, order, source.wallet)):
        return await _ended(paddock, order, source)
    async with paddock.db.read() as view:
        sent = await sent_for(view, SEND, order.refund_name)
        rows = standing(await view.ledger.of(order_id)) if order.by_transfer else []
    if order.by_transfer and await _waits(paddock, order, rows):
        return UNTIL_FINAL
    if sent is None or (order.money_back is MoneyBackState.DUE and _is_over(sent)):
        return await _start(paddock, order, source) if await _may_start(paddock, order) else UNTIL_FINAL
    mined = await outcome(chain, sent)
    if mined is not None and not mined.succeeded:
        await _block(paddock, order, "the refund's transaction reverted", mined)
        return None
    return 0.2


async def _held(paddock: Paddock, order: Order) -> tuple[Contract, int] | None:
    """The callback that was given the order's payment to hold, and the block since which; None for all other orders."""
    async with paddock.db.read() as view:
        since = await kept_since(view, order)
    if since is None or not paddock.service_of(order).held_seconds:
        return None
    return callback_of(paddock, order)[1], since


async def _give_back(paddock: Paddock, order: Order, contract: Contract, since: int) -> float | None:
    """One step of the refund of what a callback holds; the contract lets a hold end once, as its payer's too."""
    chain = paddock.on(order.terms.network).chain
    async with paddock.db.read() as view:
        sent = await sent_for(view, GIVE_BACK, order.refund_name)
    landed = await outcome(chain, sent) if sent else None
    if sent and landed is None:
        return 0.2
    if (landed is None or not landed.succeeded) and await is_held(paddock, order, contract):
        if sent is None or (order.money_back is MoneyBackState.DUE and _is_over(sent)):
            return await _start_give_back(paddock, order, contract)
        await _block(paddock, order, "the contract did not give the payment back", landed)
        return None
    ending = await ending_of(paddock, order, contract, since, landed)
    if ending is None:
        return UNTIL_FINAL
    if ending.back is None:
        await conclude(paddock, order, contract, ending)
    else:
        await _refunded(paddock, order, ledger.callback(contract.address), ending.back)
    return None


async def _start_give_back(paddock: Paddock, order: Order, contract: Contract) -> float | None:
    if not await _may_start(paddock, order):
        return UNTIL_FINAL
    listed = await refused_refund(paddock, order)
    if listed is not None:
        await _block(paddock, order, f"screening refuses the payer: {listed}")
        return None
    signer = delegate_of(paddock)
    try:
        call = contract.address, give_back_call(order.id)
        prepared = await prepare(paddock.on(order.terms.network).chain, signer, *call)
    except Reverted as error:
        if not await is_held(paddock, order, contract):
            return 0.0
        await _block(paddock, order, calls.describe_revert(contract.abi, error.data))
        return None
    return await _send(paddock, order, signer, prepared, GIVE_BACK)


async def _waits(paddock: Paddock, order: Order, rows: Sequence[ledger.Entry]) -> bool:
    """Whether a reorganisation may still change how much is due back: then nothing is sent yet."""
    final = await paddock.on(order.terms.network).chain.final_block()
    return order.money_back is MoneyBackState.DUE and any(row.block > final for row in rows)


async def _may_start(paddock: Paddock, order: Order) -> bool:
    """Whether the money that is to go back stands in the chain; of plain transfers all of it is final by now."""
    return order.by_transfer or await is_confirmed(paddock, order)


async def _nothing_left(paddock: Paddock, order: Order) -> None:
    order.give_back(MoneyBackState.NONE, "nothing is due back any more")
    async with paddock.db.begin("refund dropped") as work:
        await work.orders.save(order)


def _is_over(sent: ChainTransaction) -> bool:
    """Whether it can move no money any more: after a refund that reverted another one may be sent."""
    return sent.state is TransactionState.REVERTED


async def _start(paddock: Paddock, order: Order, source: Source) -> float | None:
    listed = await refused_refund(paddock, order)
    if listed is not None:
        await _block(paddock, order, f"screening refuses the payer: {listed}")
        return None
    sender = paddock.delegate or source.signer
    assert sender is not None
    try:
        back = await signed_by(paddock, order, source)
        await _require_allowance(paddock, back)
        prepared = await prepare(paddock.on(order.terms.network).chain, sender, *payment_call(back, back.value))
        if prepared.gas > MOST_WALLET_GAS * GAS_MARGIN:
            raise RefundRefused(f"the wallet {back.payer} would have its refund use {prepared.gas} gas")
    except RefundRefused as error:
        await _block(paddock, order, error.detail)
        return None
    except Reverted as error:
        await _block(paddock, order, calls.describe_revert((), error.data) + f" ({error.detail})")
        return None
    return await _send(paddock, order, sender, prepared, SEND)


async def _send(
    paddock: Paddock, order: Order, sender: TransactionSigner, prepared: Prepared, purpose: str
) -> float | None:
    ground, name = paddock.on(order.terms.network), order.refund_name
    async with paddock.db.begin("refund signed") as work:
        sent = await sent_for(work, purpose, name)
        if sent and not _is_over(sent):
            return 0.0
        transaction = await sign(work, paddock.clock, sender, ground.market.chain_id, prepared, purpose, name)
        order.refund_tx = transaction.hash
        if order.money_back is not MoneyBackState.SENDING:
            order.give_back(MoneyBackState.SENDING, transaction.hash)
        await work.orders.save(order)
    await ground.chain.send(transaction.newest.raw)
    return 0.1


async def _require_allowance(paddock: Paddock, back: Payment) -> None:
    """By Permit2 a wallet's money moves only once the wallet has let Permit2 take it. Raises RefundRefused."""
    if back.method is not Method.PERMIT2:
        return
    allowed = await paddock.on(back.network).chain.allowance(back.asset, back.payer, PERMIT2)
    if allowed < back.value:
        raise RefundRefused(
            f"the wallet {back.payer} lets Permit2 take {allowed} atomic units of {back.asset}: approve {PERMIT2} once"
        )


async def _ended(paddock: Paddock, order: Order, source: Source) -> float | None:
    """The nonce is used: learn from the chain by what. That it moved nothing is believed of a final block alone.

    A node may show the newest block's state before its logs, and two nodes behind one URL differ by a block.
    """
    chain = paddock.on(order.terms.network).chain
    spend = spend_from(paddock.grounds, order, source.wallet)
    transfer = await _moved(paddock, order, spend)
    if transfer is None:
        if not await chain.nonce_used(spend, block=await chain.final_block()):
            return UNTIL_FINAL
        transfer = await _moved(paddock, order, spend)  # what is final now may have been mined since the first search
    if transfer is None:
        await _block(paddock, order, "the nonce was cancelled without a transfer")
    elif transfer.recipient == order.authorization.payer:
        if transfer.amount < least_refund(order) and not order.by_transfer:
            await _block(paddock, order, f"{transfer.amount} of {order.price} atomic units went back")
        else:
            await _refunded(paddock, order, source.account, transfer)
    elif order.terms.mode.calls_contract and transfer.recipient == callback_of(paddock, order)[1].address:
        mined = await chain.mined(transfer.transaction)
        if mined is None:
            return 0.5
        service, contract = callback_of(paddock, order)
        if service.held_seconds:
            await keep(paddock, order, contract, mined)
            return 0.0
        await complete(paddock, order, service, contract, mined)
    else:
        await _block(paddock, order, f"the money went to {transfer.recipient}")
    return None


async def _moved(paddock: Paddock, order: Order, spend: Spend) -> TransferLog | None:
    """What the nonce moved, to payer or callback: the first that is in the books for nothing else.

    Permit2 does not say which of several Transfers a nonce stood for.
    """
    chain, since = paddock.on(order.terms.network).chain, search_from(order.since_block)
    found = await chain.spent_in(spend, since)
    if order.terms.mode.calls_contract and spend.method is Method.PERMIT2:  # its Transfers are found by their payee
        found += await chain.spent_in(outgoing(paddock, order, callback_of(paddock, order)[1].address), since)
    async with paddock.db.read() as view:
        for one in found:
            if not await view.ledger.booked(order.terms.network, one.block_hash, one.log_index):
                return one
    return None


async def _refunded(paddock: Paddock, order: Order, account: str, transfer: TransferLog) -> None:
    """Who takes a payment back from an escrow may have it sent to another address: the row says to which."""
    on_chain(transfer.transaction, transfer.block)
    async with paddock.db.begin("refunded") as work:
        row = ledger.entry(order, "refund", ledger.payer_at(transfer.recipient), account, transfer)
        if order.by_transfer:
            row = ledger.numbered(row, await work.ledger.of(order.id))
        if order.money_back is MoneyBackState.DUE:
            order.give_back(MoneyBackState.SENDING, transfer.transaction)
        order.refund_tx = transfer.transaction
        order.give_back(MoneyBackState.REFUNDED, transfer.transaction)
        await work.ledger.add(row)
        if order.by_transfer:
            order.returned, order.refunds = order.returned + transfer.amount, order.refunds + 1
            await owe_rest(paddock, work, order)
        await work.orders.save(order)


async def _block(paddock: Paddock, order: Order, reason: str, mined: Mined | None = None, words: str = BLOCKED) -> None:
    """The money cannot go back now: it stays a liability, and a case tells the operator why."""
    order.give_back(MoneyBackState.BLOCKED, reason)
    order.failure = with_block(order.failure, words)
    async with paddock.db.begin("refund blocked") as work:
        await work.orders.save(order)
        for purpose in (SEND, GIVE_BACK) if mined else ():
            sent = await work.transactions.of(purpose, order.refund_name)
            if sent and mined and mined.transaction in {attempt.hash for attempt in sent.attempts}:
                await work.transactions.record(sent.hash, mined)
        await open_case(work, CaseKind.REFUND_BLOCKED, order.id, reason)
