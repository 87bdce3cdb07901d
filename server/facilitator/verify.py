"""Verify: whether a payment would settle now; cheap checks first, then the signature, then the chain."""

import asyncio

import msgspec

from protocol import schemes
from protocol.amounts import parse_amount, parse_uint
from protocol.errors import ProtocolError
from protocol.payment import PERMIT2, Method, Payment
from protocol.wire import SCHEME_UPTO, PaymentPayload, PaymentRequirements
from server.application.paddock import Ground
from server.domain import calls
from server.domain.errors import Reverted
from server.domain.evidence import spend_of
from server.domain.market import Market
from server.domain.settlement_calls import errors_of, makes_wallet, most_gas, settlement_call
from server.facilitator.bare_keys import BareKeys
from server.ports import Call

WOULD_FAIL = "callback_would_fail"


def check(market: Market, payload: PaymentPayload, requirements: PaymentRequirements, now: int) -> Payment:
    """Everything that needs no chain but the signature. Raises ProtocolError with the x402 reason."""
    payment = read(payload, requirements)
    asset = market.asset_at(payment.asset)
    if asset is None or (payment.domain and payment.domain != market.domain(asset)):
        raise ProtocolError("invalid_payment_requirements", "the asset or its EIP-712 domain is not one we settle")
    if payment.scheme == SCHEME_UPTO:
        if amount_of(requirements) > payment.value:
            reason = "invalid_upto_evm_payload_settlement_exceeds_amount"
            raise ProtocolError(reason, "the amount to settle is above what was authorized")
        requirements = msgspec.structs.replace(requirements, amount=str(payment.value))
    if payment.delegated is not None and payment.to != market.executor:
        raise ProtocolError("invalid_payment_requirements", "scheme delegate is settled by one executor, not by payTo")
    schemes.check_terms(payment, requirements, now)
    return payment


def read(payload: PaymentPayload, requirements: PaymentRequirements) -> Payment:
    """The payment that is to be verified or settled. Raises ProtocolError."""
    if payload.x402_version not in (1, 2):
        raise ProtocolError("invalid_x402_version", "x402Version must be 1 or 2")
    if payload.accepted.scheme != requirements.scheme:
        raise ProtocolError("invalid_scheme", "the payment is of another scheme than the requirements")
    if payload.accepted.network != requirements.network:
        raise ProtocolError("invalid_network", "the payment is for another network than the requirements")
    return schemes.read(requirements, payload.payload)


def amount_of(requirements: PaymentRequirements) -> int:
    """What is to move, in atomic units: under scheme upto it may be nothing."""
    parse = parse_uint if requirements.scheme == SCHEME_UPTO else parse_amount
    return parse(requirements.amount, "amount")


async def check_on_chain(ground: Ground, payment: Payment, sender: str, bare: BareKeys) -> None:
    """Signature, nonce and money, in the newest block. `sender` is who would settle it.

    What is missing is told before a simulation fails for it. Raises ProtocolError with the x402 reason,
    ChainUnavailable.
    """
    by_key = await _is_by_key(ground, payment, bare)
    await _check_money(ground, payment)
    await _check_settlement(ground, payment, sender, by_key=by_key)


async def check_signature(ground: Ground, payment: Payment, sender: str, bare: BareKeys) -> None:
    """By recovery for a key without code; for a wallet the settlement itself, simulated, unless it has happened."""
    by_key = await _is_by_key(ground, payment, bare)
    await _check_settlement(ground, payment, sender, by_key=by_key)


async def _check_money(ground: Ground, payment: Payment) -> None:
    used, balance = await asyncio.gather(
        ground.chain.nonce_used(spend_of(payment)),
        ground.chain.token_balance(payment.asset, payment.payer),
    )
    if used:
        raise ProtocolError("invalid_exact_evm_nonce_already_used", "the token has consumed this nonce already")
    if balance < payment.value:
        raise ProtocolError("insufficient_funds", f"the payer holds {balance} atomic units and owes {payment.value}")
    if payment.method is Method.PERMIT2:
        allowed = await ground.chain.allowance(payment.asset, payment.payer, PERMIT2)
        if allowed < payment.value:
            detail = f"the payer lets Permit2 take {allowed} atomic units: approve {PERMIT2} on the token first"
            raise ProtocolError("permit2_allowance_required", detail)


async def _check_settlement(ground: Ground, payment: Payment, sender: str, *, by_key: bool) -> None:
    """What code decides is decided by the settlement itself, simulated: it may say another thing to whoever asks it.

    What scheme delegate sets off is simulated for keys as well.
    """
    if by_key and payment.delegated is None:
        return
    to, data = settlement_call(ground.market, payment, payment.value)
    if not await ground.chain.nonce_used(spend_of(payment)):
        await _simulate(ground, payment, Call(sender, to, data), by_key=by_key)


async def _is_by_key(ground: Ground, payment: Payment, bare: BareKeys) -> bool:
    """Whether a key without code signed it; False where code decides. Raises ProtocolError."""
    if makes_wallet(payment):
        return False
    wrong: ProtocolError | None = None
    try:
        schemes.check_signature(payment)
    except ProtocolError as error:
        wrong = error
    if await bare.has_code(ground, payment.payer):
        return False
    if wrong:
        raise wrong
    return True


async def _simulate(ground: Ground, payment: Payment, call: Call, *, by_key: bool) -> None:
    """Settle without a transaction: what a wallet's code says here is what it says then, or the settlement fails."""
    try:
        gas = await ground.chain.estimate_gas(call)
    except Reverted as error:
        why = calls.describe_revert(errors_of(ground.market, payment), error.data)
        if payment.delegated is not None:
            whose = "" if by_key else ", or the wallet's signature is not its own"
            raise ProtocolError(WOULD_FAIL, f"the callback would refuse this payment{whose}: {why}") from error
        reason = "invalid_exact_evm_payload_signature"
        raise ProtocolError(reason, f"the settlement would fail, mostly for the wallet's signature: {why}") from error
    if gas > most_gas(ground.market, payment):
        if payment.delegated is not None:
            raise ProtocolError(WOULD_FAIL, f"the callback would use {gas} gas, more than is paid for here")
        raise ProtocolError("invalid_exact_evm_payload_signature", f"the wallet would use {gas} gas to pay")
