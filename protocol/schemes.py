"""The schemes that are spoken: reading a payment and checking it against its terms, without any chain."""

from typing import Any

from protocol import delegate, delegate_permit2, eip3009, permit2
from protocol.amounts import parse_amount
from protocol.errors import ProtocolError
from protocol.payment import Method, Payment
from protocol.signatures import parse_address, recover
from protocol.wire import SCHEME_DELEGATE, SCHEME_EXACT, SCHEME_UPTO, PaymentRequirements

LEAST_VALIDITY = 6
"""Seconds an authorization must still be valid: less, and it can lapse before it is mined."""

_AUTHORIZED = {method.value: method for method in (Method.EIP3009, Method.PERMIT2)}
_EXACT = "invalid_exact_evm_payload_"
_REASONS = {
    Method.EIP3009: {
        "recipient": _EXACT + "recipient_mismatch",
        "amount": _EXACT + "authorization_value_mismatch",
        "after": _EXACT + "authorization_valid_after",
        "before": _EXACT + "authorization_valid_before",
        "signature": _EXACT + "signature",
        "facilitator": "invalid_payload",
    },
    Method.PERMIT2: {
        "recipient": "invalid_permit2_recipient_mismatch",
        "amount": "permit2_amount_mismatch",
        "after": "permit2_not_yet_valid",
        "before": "permit2_deadline_expired",
        "signature": "invalid_permit2_signature",
        "facilitator": "upto_facilitator_mismatch",
    },
}


def method_of(requirements: PaymentRequirements) -> Method:
    """How the terms want the token moved: `extra.assetTransferMethod`, and EIP-3009 where they do not say."""
    if requirements.scheme == SCHEME_UPTO:
        return Method.PERMIT2
    named: Any = requirements.extra.get("assetTransferMethod", Method.EIP3009.value)
    method = _AUTHORIZED.get(named) if isinstance(named, str) else None
    if method is None:
        raise ProtocolError("invalid_payment_requirements", "extra.assetTransferMethod is eip3009 or permit2")
    return method


def read(requirements: PaymentRequirements, payload: dict[str, object]) -> Payment:
    """A scheme payload as typed values, in the form that its terms ask for. Raises ProtocolError."""
    if requirements.scheme not in (SCHEME_EXACT, SCHEME_UPTO, SCHEME_DELEGATE):
        raise ProtocolError("unsupported_scheme", f"schemes are {SCHEME_EXACT}, {SCHEME_UPTO} and {SCHEME_DELEGATE}")
    by_permit2 = method_of(requirements) is Method.PERMIT2
    if requirements.scheme == SCHEME_DELEGATE:
        reader = delegate_permit2.read if by_permit2 else delegate.read
    else:
        reader = permit2.read if by_permit2 else eip3009.read
    return reader(requirements, payload)


def check_terms(payment: Payment, requirements: PaymentRequirements, now: int) -> None:
    """The authorization pays exactly these terms at `now` (Unix seconds). Raises ProtocolError with the x402 reason."""
    if payment.to != parse_address(requirements.pay_to, "payTo"):
        raise _refused(payment, "recipient", "the payment does not go to payTo")
    if payment.value != parse_amount(requirements.amount):
        raise _refused(payment, "amount", "the authorized value must equal the amount exactly")
    if payment.valid_after >= now:
        raise _refused(payment, "after", "the authorization is not valid yet")
    if payment.valid_before < now + LEAST_VALIDITY:
        raise _refused(payment, "before", f"the authorization must be valid for at least {LEAST_VALIDITY} more seconds")
    if payment.facilitator and payment.facilitator != requirements.extra.get("facilitatorAddress"):
        raise _refused(payment, "facilitator", "the permit names another facilitator than the terms")


def check_signature(payment: Payment) -> None:
    """The payer signed it (EOA). Raises ProtocolError with the x402 reason."""
    try:
        signer = recover(payment.signed, payment.signature)
    except ProtocolError as error:
        raise _refused(payment, "signature", error.detail) from error
    if signer != payment.payer:
        raise _refused(payment, "signature", "the signature is not the payer's")


def is_by_key(payment: Payment) -> bool:
    """Whether the payer's own key signed it; else code has to say whether it is the payer's."""
    try:
        return recover(payment.signed, payment.signature) == payment.payer
    except ProtocolError:
        return False


def _refused(payment: Payment, what: str, detail: str) -> ProtocolError:
    return ProtocolError(_REASONS[payment.method][what], detail)
