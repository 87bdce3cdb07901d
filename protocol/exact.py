"""Scheme `exact` with EIP-3009: reading a payment and checking it against its terms, without any chain."""

import hashlib
from dataclasses import dataclass, field

import msgspec

from protocol.amounts import parse_amount, parse_uint
from protocol.errors import ProtocolError
from protocol.networks import chain_id
from protocol.signatures import parse_address, parse_hex, recover
from protocol.typed_data import TokenDomain, Transfer, authorization_digest
from protocol.wire import ExactPayload, PaymentRequirements

LEAST_VALIDITY = 6
"""Seconds an authorization must still be valid: less, and it can lapse before it is mined."""


@dataclass(frozen=True, slots=True)
class ExactPayment:
    """A payment of scheme exact that was read, and not yet checked by signature."""

    network: str
    domain: TokenDomain
    transfer: Transfer
    signature: bytes = field(repr=False)

    @property
    def asset(self) -> str:
        return self.domain.contract

    def digest(self) -> bytes:
        """SHA-256 that names this signed authorization: what the order and the receipt keep instead of the bytes."""
        hasher = hashlib.sha256(authorization_digest(self.domain, self.transfer))
        hasher.update(self.signature)
        return hasher.digest()


def read(requirements: PaymentRequirements, payload: dict[str, object]) -> ExactPayment:
    """A scheme payload as typed values. Raises ProtocolError(`invalid_payload`) for any other spelling."""
    try:
        exact = msgspec.convert(payload, ExactPayload)
    except msgspec.ValidationError as error:
        raise ProtocolError("invalid_payload", f"not an EIP-3009 payload: {error}") from error
    authorization = exact.authorization
    domain = TokenDomain(
        _text(requirements.extra, "name"),
        _text(requirements.extra, "version"),
        chain_id(requirements.network),
        parse_address(requirements.asset, "asset"),
    )
    transfer = Transfer(
        parse_address(authorization.from_, "authorization.from"),
        parse_address(authorization.to, "authorization.to"),
        parse_amount(authorization.value, "authorization.value"),
        parse_uint(authorization.valid_after, "authorization.validAfter"),
        parse_uint(authorization.valid_before, "authorization.validBefore"),
        parse_hex(authorization.nonce, "authorization.nonce", 32),
    )
    return ExactPayment(requirements.network, domain, transfer, parse_hex(exact.signature, "signature"))


def check_terms(payment: ExactPayment, requirements: PaymentRequirements, now: int) -> None:
    """The authorization pays exactly these terms at `now` (Unix seconds). Raises ProtocolError with the x402 reason."""
    transfer = payment.transfer
    if transfer.to != parse_address(requirements.pay_to, "payTo"):
        raise ProtocolError("invalid_exact_evm_payload_recipient_mismatch", "authorization.to is not payTo")
    if transfer.value != parse_amount(requirements.amount):
        raise ProtocolError(
            "invalid_exact_evm_payload_authorization_value_mismatch",
            "authorization.value must equal the amount exactly",
        )
    if transfer.valid_after >= now:
        raise ProtocolError("invalid_exact_evm_payload_authorization_valid_after", "the authorization is not valid yet")
    if transfer.valid_before < now + LEAST_VALIDITY:
        raise ProtocolError(
            "invalid_exact_evm_payload_authorization_valid_before",
            f"the authorization must be valid for at least {LEAST_VALIDITY} more seconds",
        )


def check_signature(payment: ExactPayment) -> None:
    """The payer signed it (EOA). Raises ProtocolError(`invalid_exact_evm_payload_signature`)."""
    signer = recover(authorization_digest(payment.domain, payment.transfer), payment.signature)
    if signer != payment.transfer.payer:
        raise ProtocolError("invalid_exact_evm_payload_signature", "the signature is not the payer's")


def _text(extra: dict[str, object], key: str) -> str:
    value = extra.get(key)
    if not isinstance(value, str):
        raise ProtocolError("invalid_payment_requirements", f"extra.{key} must name the token's EIP-712 domain")
    return value
