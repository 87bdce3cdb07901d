"""Sign choice: the payer's signature over the calldata that it chose, with the payment or until a deadline."""

from datetime import datetime
from typing import Any, NamedTuple

from protocol.actions import Action
from protocol.payment import PERMIT2, Method
from protocol.typed_data import order_nonce
from server.application.deliver import EXECUTE, UNPAID
from server.application.paddock import Paddock
from server.application.preview import preview
from server.domain import calls
from server.domain.choices import CalldataSignature, run_by, sign_by
from server.domain.errors import (
    BadArguments,
    DuplicateClaim,
    PaymentRefused,
    Reverted,
    SignatureNotAwaited,
    StaleWrite,
    UnknownOrder,
)
from server.domain.market import Contract
from server.domain.orders import Order
from server.domain.states import FulfilmentState
from server.ports import UnitOfWork
from server.services.choices import callback_in, chosen_in

WOULD_FAIL = "callback_would_fail"


class Choice(NamedTuple):
    """What an order's payer chose, for which contract, and until when (aware UTC) it may be signed."""

    action: Action
    contract: Contract
    sign_by: datetime


def choice_of(paddock: Paddock, order: Order) -> Choice | None:
    """None where nobody has to sign it by itself: nothing was chosen, or the payment's own nonce commits to it."""
    service, terms = paddock.service_of(order), order.terms
    name, calldata = callback_in(service, order.arguments), chosen_in(service, order.arguments)
    if calldata is None or name is None or order.atomic:
        return None
    market = paddock.on(terms.network).market
    contract = market.contracts[name]
    action = Action(
        chain_id=market.chain_id,
        contract=contract.address,
        token=terms.asset,
        owner=terms.pay_to,
        payer=order.authorization.payer,
        amount=order.price,
        order=order_nonce(order.id),
        deadline=run_by(terms.expires_at),
        calldata=calldata,
        by_permit2=paddock.asset_of(order).method is Method.PERMIT2,
    )
    return Choice(action, contract, sign_by(terms))


async def require_runnable(paddock: Paddock, order: Order, signature: bytes | None) -> None:
    """Before a claim: the money can be handed on, and the callback would take what the buyer chose.

    Raises PaymentRefused, ChainUnavailable.
    """
    await _require_leave(paddock, order)
    choice = choice_of(paddock, order)
    if choice is None:
        return
    try:
        await preview(paddock.on(order.terms.network).chain, choice.action, signature)
    except Reverted as error:
        why = calls.describe_revert(choice.contract.abi, error.data)
        raise PaymentRefused(WOULD_FAIL, f"the callback would refuse this calldata: {why}") from error
    order.learn("calldata", "signed" if signature else "chosen", "0x" + choice.action.calldata.hex())


async def _require_leave(paddock: Paddock, order: Order) -> None:
    """By Permit2 neither payout nor refund moves until the delegate wallet has let Permit2 take that token."""
    if not order.terms.mode.calls_contract or order.atomic or paddock.asset_of(order).method is not Method.PERMIT2:
        return
    ground = paddock.on(order.terms.network)
    delegate = ground.market.delegate
    if await ground.chain.allowance(order.terms.asset, delegate, PERMIT2) < order.price:
        raise PaymentRefused(WOULD_FAIL, f"the delegate wallet {delegate} has not approved Permit2 for this token yet")


async def keep_signature(paddock: Paddock, work: UnitOfWork, order: Order, signature: bytes | None) -> None:
    """In the unit of work that claims: a signature that came with the payment; harmless where nothing was chosen."""
    if signature and choice_of(paddock, order):
        await work.calldata.put(CalldataSignature(order.id, signature, paddock.clock.now()))


async def to_sign(paddock: Paddock, order_id: str) -> dict[str, Any]:
    """What the payer of an order has to sign: the EIP-712 document, and until when. Raises UnknownOrder,
    SignatureNotAwaited."""
    _, choice = await _awaited(paddock, order_id)
    return {"order_id": order_id, "sign_by": choice.sign_by, "document": choice.action.document()}


async def sign_choice(paddock: Paddock, order_id: str, signature: bytes) -> None:
    """Take the payer's signature and have the callback run. Harmless to repeat: the first one stays.

    By our struct or GOAT's, of a key or a smart wallet (ERC-1271): the callback itself is asked. Raises UnknownOrder,
    SignatureNotAwaited, BadArguments for one that it does not take, ChainUnavailable.
    """
    order, choice = await _awaited(paddock, order_id)
    try:
        await preview(paddock.on(order.terms.network).chain, choice.action, signature)
    except Reverted as error:
        why = calls.describe_revert(choice.contract.abi, error.data)
        raise BadArguments(f"the callback does not take this signature now: {why}") from error
    order.learn("calldata", "signed")
    try:
        async with paddock.db.begin("calldata signed") as work:
            await work.calldata.put(CalldataSignature(order_id, signature, paddock.clock.now()))
            if order.fulfilment is FulfilmentState.EXECUTING:  # before that, whoever settles it holds the row
                await work.orders.save(order)
            await work.outbox.add(EXECUTE, order_id, paddock.clock.now())  # it may be executing since it was read
    except DuplicateClaim:
        return
    except StaleWrite as error:
        raise SignatureNotAwaited("the order was changed at this moment; send the signature again") from error


async def _awaited(paddock: Paddock, order_id: str) -> tuple[Order, Choice]:
    async with paddock.db.read() as view:
        order = await view.orders.get(order_id)
    if order is None:
        raise UnknownOrder("there is no order of that id; what is to be signed is known once it is paid")
    choice = choice_of(paddock, order)
    if choice is None:
        raise SignatureNotAwaited("this order's callback does what it does by itself; nothing is to be signed")
    over = order.fulfilment not in (FulfilmentState.NONE, FulfilmentState.EXECUTING) or order.payment in UNPAID
    if over or paddock.clock.now() >= choice.sign_by:
        raise SignatureNotAwaited(f"the signature could be given until {choice.sign_by:%Y-%m-%d %H:%M:%S} UTC")
    return order, choice


async def awaits_signature(paddock: Paddock, order: Order) -> bool:
    """Whether the callback cannot run before its payer has signed."""
    if choice_of(paddock, order) is None:
        return False
    async with paddock.db.read() as view:
        return await view.calldata.get(order.id) is None
