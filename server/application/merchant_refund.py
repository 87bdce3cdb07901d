"""Merchant refund: money that came straight to a merchant goes back from its own wallet, by a refund that it signed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from protocol.errors import ProtocolError
from protocol.payment import Payment
from protocol.signatures import recover
from server.application.ask_refund import ask_refund
from server.application.paddock import Ground, ground_of
from server.application.refund_source import refund_by, require_free
from server.application.wallet_signatures import accepted_on
from server.domain.cases import CaseState, Outcome
from server.domain.errors import BadArguments, RefundRefused, StaleWrite, UnknownOrder
from server.domain.orders import Order
from server.domain.pledges import Pledge
from server.domain.refund_payments import document, with_signature
from server.domain.refunds import OWED_CASES, least_refund, most_refund, why_no_refund
from server.ports import Clock, Database

USUAL_VALIDITY = timedelta(hours=24)
LEAST_VALIDITY, MOST_VALIDITY = timedelta(minutes=10), timedelta(days=7)
"""A signed refund must outlive a busy chain; and while it can be used, no float may send the money instead."""
LONGEST_SIGNATURE = 4096
REASON = "The merchant sends your money back to the address that paid."


class Office(Protocol):
    """What this takes: a `Paddock`, or a process that has no keys at all."""

    @property
    def db(self) -> Database:
        """Where orders, pledges and cases are."""

    @property
    def clock(self) -> Clock:
        """By which validity counts."""

    @property
    def grounds(self) -> Mapping[str, Ground]:
        """The networks."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a merchant hands in: `value` atomic units, `valid_before` in Unix seconds, the signature by its wallet."""

    value: int
    valid_before: int
    signature: bytes


def refunded_from(order: Order) -> str | None:
    """The wallet whose signature sends the order's money back now; None where no wallet's does."""
    by_wallet = not order.terms.mode.held and why_no_refund(order) is None
    return order.terms.pay_to if by_wallet else None


async def to_sign(office: Office, order_id: str, value: int | None = None) -> dict[str, Any]:
    """The EIP-712 document of an order's refund from its merchant's wallet, as JSON values; by default of all of it.

    Raises UnknownOrder, RefundRefused, BadArguments for an amount that cannot go back.
    """
    order = await _refundable(office, order_id)
    amount = _checked_value(order, most_refund(order) if value is None else value)
    held = await _held(office, order)
    valid_before = max(int((office.clock.now() + USUAL_VALIDITY).timestamp()), held.valid_before if held else 0)
    unsigned = refund_by(office.grounds, order, order.terms.pay_to, amount, valid_before)
    return {
        "order": order.id,
        "wallet": order.terms.pay_to,
        "value": str(amount),
        "validBefore": str(valid_before),
        "document": document(ground_of(office.grounds, order.terms.network).market, unsigned),
    }


async def refund_signed(office: Office, order_id: str, signed: Signed, by: str) -> None:
    """Record the merchant's signed refund and ask for the job that sends it; resolves the open case about the money.

    Never beside another: Paddock makes up the payee and the nonce itself, so nothing else can be signed; an order whose
    money is on its way, or whose refund by another wallet can still be used, is refused. Raises UnknownOrder,
    RefundRefused, BadArguments, ChainUnavailable.
    """
    order = await _refundable(office, order_id)
    _checked_value(order, signed.value)
    held = await _held(office, order)
    _check_validity(office, signed.valid_before, held)
    unsigned = refund_by(office.grounds, order, order.terms.pay_to, signed.value, signed.valid_before)
    await _check_signature(office, with_signature(unsigned, signed.signature))
    await require_free(office.grounds, order, held, order.terms.pay_to)
    pledge = Pledge(order.refund_name, order.terms.pay_to, signed.value, signed.valid_before, signed.signature)
    try:
        async with office.db.begin("refund signed by merchant") as work:
            await work.pledges.put(pledge, held)
            await ask_refund(office, work, order, by)
            for case in await work.cases.of(order.id):
                if case.kind in OWED_CASES and case.state is CaseState.OPEN:
                    case.resolve(Outcome.REFUND, REASON, by, office.clock.now(), "signed by the merchant")
                    await work.cases.save(case)
    except StaleWrite as error:
        raise RefundRefused("the order was changed at this moment; look again", order_id=order_id) from error


async def _refundable(office: Office, order_id: str) -> Order:
    async with office.db.read() as view:
        order = await view.orders.get(order_id)
    if order is None:
        raise UnknownOrder(f"there is no order {order_id!r}")
    if order.terms.mode.held:
        raise RefundRefused("its money never was the merchant's: the delegate wallet refunds it", order_id=order_id)
    why = why_no_refund(order)
    if why:
        raise RefundRefused(f"the order cannot be refunded: {why}", order_id=order_id, money_back=order.money_back)
    return order


def _checked_value(order: Order, value: int) -> int:
    least, most = least_refund(order), most_refund(order)
    if not least <= value <= most:
        raise BadArguments(f"the refund of this order is from {least} to {most} atomic units, and not {value}")
    return value


async def _held(office: Office, order: Order) -> Pledge | None:
    async with office.db.read() as view:
        return await view.pledges.get(order.refund_name)


def _check_validity(office: Office, valid_before: int, held: Pledge | None) -> None:
    """Nothing signed for the refund before may outlive what is signed now: the pledge says when all of it lapses."""
    now = office.clock.now()
    least, most = (int((now + life).timestamp()) for life in (LEAST_VALIDITY, MOST_VALIDITY))
    if held:
        least = max(least, held.valid_before)
    if not least <= valid_before <= most:
        raise BadArguments(f"validBefore must be from {least} to {most} (Unix seconds), and not {valid_before}")


async def _check_signature(office: Office, payment: Payment) -> None:
    """By the merchant's key, or by its wallet's own code (ERC-1271). Raises BadArguments."""
    if len(payment.signature) > LONGEST_SIGNATURE:
        raise BadArguments(f"a signature has {LONGEST_SIGNATURE} bytes at most")
    try:
        good = recover(payment.signed, payment.signature) == payment.payer
    except ProtocolError:
        good = False
    accepts = accepted_on(ground_of(office.grounds, payment.network).chain)
    if not good and not await accepts(payment.payer, payment.signed, payment.signature):
        raise BadArguments(
            f"the signature is not by {payment.payer} over this order's refund with this value and validBefore: sign "
            "the document as it was given"
        )
