"""Claim: make one order of a payment, once, whoever presents it and however often."""

from datetime import UTC, datetime

from protocol.payment import Payment
from server.application.admission import VERIFY, Slot
from server.application.admit import require_open, require_place, require_settling, take_slot, watching
from server.application.identify import identify
from server.application.paddock import Paddock
from server.application.present import PaidCall, Presented, read_arguments, stored_form
from server.application.screen import screen_purchase
from server.application.sign_choice import keep_signature, require_runnable
from server.application.tracing import stage
from server.application.use_key import spend_by_key
from server.application.watch import require_room
from server.domain.errors import DuplicateClaim, PaymentConflict, PaymentRefused, StaleWrite
from server.domain.orders import Authorization, Order, Terms
from server.domain.states import FulfilmentState, PaymentState
from server.payments import mode_named
from server.services.service import Service

FAR_FUTURE = datetime(9999, 12, 31, tzinfo=UTC)


async def claim(
    paddock: Paddock, service: Service, call: PaidCall, presented: Presented, slot: Slot
) -> tuple[Order, bool]:
    """The order of this payment, and whether the caller owns it now (a fresh claim, or a lapsed lease taken over).

    Raises PaymentRefused if the facilitator does not accept the payment, PaymentConflict if it or its quote belongs to
    another purchase (or its identifier), BadArguments, WalletFull if the wallet that is paid may hold no more. No claim
    is made without a valid signature, and none beyond a limit (TooBusy, Unavailable) or by a key that does not allow it
    (BadBuyerKey, ForeignBuyerKey, SpendLimitReached).
    """
    known = await _known(paddock, presented)
    if known is None:
        arguments = read_arguments(service, call)
        if presented.refusal:
            raise presented.refusal
        network = presented.payment.network
        await require_open(paddock, network)
        await require_room(paddock, presented.requirements)
        await screen_purchase(paddock, presented.payment.payer, presented.payment.to)
        with watching(paddock, VERIFY, network), stage("verify"):
            verdict = await paddock.facilitator.verify(presented.payload, presented.requirements)
        if verdict.is_valid:
            order = _order(paddock, service, call, presented, arguments, await _height(paddock, network))
            await require_runnable(paddock, order, presented.calldata_signature)
            require_settling(paddock)
            take_slot(slot, order)
            try:
                await _store(paddock, call, presented, order)
                return order, True
            except DuplicateClaim:
                slot.free()
        known = await _known(paddock, presented)
        if known is None:
            raise PaymentRefused(verdict.invalid_reason or "unexpected_verify_error", verdict.invalid_message or "")
    _require_same(known, presented, call)
    return await _take_over(paddock, known, slot)


async def _store(paddock: Paddock, call: PaidCall, presented: Presented, order: Order) -> None:
    """Raises DuplicateClaim where the quote or the payment has an order already."""
    with stage("claim"):
        async with paddock.db.begin("claim") as work:
            await work.orders.add(order)
            await require_place(paddock, work, order)
            await spend_by_key(work, call, order)
            await identify(work, call, presented, order)
            await keep_signature(paddock, work, order, presented.calldata_signature)


async def _known(paddock: Paddock, presented: Presented) -> Order | None:
    payment = presented.payment
    async with paddock.db.read() as view:
        return await view.orders.get(presented.quote.id) or await view.orders.claimed_by(
            payment.network, payment.authority, payment.payer, payment.nonce
        )


async def _height(paddock: Paddock, network: str) -> int:
    with watching(paddock, network, network):
        return await paddock.on(network).chain.recent_block()


def _require_same(order: Order, presented: Presented, call: PaidCall) -> None:
    """The same bytes for the same request: anything else is another purchase, and refused."""
    if order.authorization.digest != presented.payment.digest():
        raise PaymentConflict("this quote or this authorization was used with another payment already")
    if order.terms.intent != call.intent.digest():
        raise PaymentConflict("this payment was used for another request already", reason="binding_mismatch")


async def _take_over(paddock: Paddock, order: Order, slot: Slot) -> tuple[Order, bool]:
    now = paddock.clock.now()
    if order.leased(now) or not _can_go_on(order):
        return order, False
    await paddock.admission.pause.require_running(paddock.db, paddock.clock, order_id=order.id)
    order.lease(now + paddock.limits.lease)
    if order.fulfilment is FulfilmentState.FAILED:
        order.fulfil(FulfilmentState.RUNNING, "sent again after a failure that moved no money")
    try:
        take_slot(slot, order)
        async with paddock.db.begin("take over") as work:
            await work.orders.save(order)
            if order.payment is PaymentState.AUTHORIZED:
                await require_place(paddock, work, order)
        return order, True
    except StaleWrite:
        slot.free()
        async with paddock.db.read() as view:
            return await view.orders.get(order.id) or order, False


def _can_go_on(order: Order) -> bool:
    """Whether a request can still bring the order forward; what is settled is the workers' or done."""
    return order.payment in (PaymentState.AUTHORIZED, PaymentState.SETTLING, PaymentState.IN_DOUBT)


def _order(
    paddock: Paddock, service: Service, call: PaidCall, presented: Presented, arguments: bytes, block: int
) -> Order:
    now = paddock.clock.now()
    order = Order(
        id=presented.quote.id,
        terms=_terms(service, call, presented),
        authorization=_authorization(presented.payment, presented.version, stored_form(presented.payload)),
        arguments=arguments,
        created_at=now,
        since_block=block,
        lease_until=now + paddock.limits.lease,
    )
    order.learn("payment", "authorized", f"{presented.requirements.scheme}, x402 v{presented.version}")
    if service.settles_first:
        order.pay(PaymentState.SETTLING)
    else:
        order.fulfil(FulfilmentState.RUNNING)
    return order


def _terms(service: Service, call: PaidCall, presented: Presented) -> Terms:
    requirements, payment = presented.requirements, presented.payment
    return Terms(
        service=service.slug,
        merchant=service.merchant,
        mode=mode_named(requirements.extra["mode"]).facts,
        network=payment.network,
        asset=payment.asset,
        amount=payment.value,
        pay_to=payment.to,
        resource_url=call.resource_url,
        intent=call.intent.digest(),
        quoted_at=_moment(presented.quote.issued_at),
        expires_at=_moment(presented.quote.expires_at),
    )


def _authorization(payment: Payment, version: int, payload: bytes) -> Authorization:
    return Authorization(
        scheme=payment.scheme,
        method=payment.method,
        authority=payment.authority,
        payer=payment.payer,
        nonce=payment.nonce,
        digest=payment.digest(),
        valid_before=_moment(payment.valid_before),
        x402_version=version,
        payload=payload,
    )


def _moment(seconds: int) -> datetime:
    """Unix seconds as an aware moment; those past the calendar's end (an authorization for ever) become its end."""
    return datetime.fromtimestamp(seconds, UTC) if seconds < FAR_FUTURE.timestamp() else FAR_FUTURE
