"""Payments by EIP-3009: the token moves its own money on the payer's `TransferWithAuthorization`."""

import msgspec

from protocol.amounts import parse_amount, parse_uint
from protocol.errors import ProtocolError
from protocol.networks import chain_id
from protocol.payment import Method, Payment
from protocol.signatures import parse_address, parse_hex
from protocol.typed_data import TokenDomain, Transfer, authorization_digest
from protocol.wire import ExactAuthorization, ExactPayload, PaymentRequirements


def read(requirements: PaymentRequirements, payload: dict[str, object]) -> Payment:
    """A scheme payload as typed values. Raises ProtocolError(`invalid_payload`) for any other spelling."""
    try:
        exact = msgspec.convert(payload, ExactPayload)
    except msgspec.ValidationError as error:
        raise ProtocolError("invalid_payload", f"not an EIP-3009 payload: {error}") from error
    domain, transfer = token_domain(requirements), transfer_of(exact.authorization)
    return Payment(
        requirements.scheme,
        Method.EIP3009,
        requirements.network,
        domain.contract,
        *transfer,
        signed=authorization_digest(domain, transfer),
        signature=parse_hex(exact.signature, "signature"),
        domain=domain,
    )


def transfer_of(authorization: ExactAuthorization) -> Transfer:
    """What is authorized, as typed values. Raises ProtocolError(`invalid_payload`) with the name of what is wrong."""
    return Transfer(
        parse_address(authorization.from_, "authorization.from"),
        parse_address(authorization.to, "authorization.to"),
        parse_amount(authorization.value, "authorization.value"),
        parse_uint(authorization.valid_after, "authorization.validAfter"),
        parse_uint(authorization.valid_before, "authorization.validBefore"),
        parse_hex(authorization.nonce, "authorization.nonce", 32),
    )


def token_domain(requirements: PaymentRequirements) -> TokenDomain:
    """The token's EIP-712 domain as terms name it."""
    return TokenDomain(
        _text(requirements.extra, "name"),
        _text(requirements.extra, "version"),
        chain_id(requirements.network),
        parse_address(requirements.asset, "asset"),
    )


def _text(extra: dict[str, object], key: str) -> str:
    value = extra.get(key)
    if not isinstance(value, str):
        raise ProtocolError("invalid_payment_requirements", f"extra.{key} must name the token's EIP-712 domain")
    return value
