"""Verify: whether a payment would settle now; cheap checks first, then the signature, then the chain."""

import asyncio

from protocol import exact
from protocol.errors import ProtocolError
from protocol.exact import ExactPayment
from protocol.wire import SCHEME_EXACT, PaymentPayload, PaymentRequirements
from server.domain.market import Market
from server.ports import Chain


def check(market: Market, payload: PaymentPayload, requirements: PaymentRequirements, now: int) -> ExactPayment:
    """Everything that needs no chain. Raises ProtocolError with the x402 reason."""
    if payload.x402_version not in (1, 2):
        raise ProtocolError("invalid_x402_version", "x402Version must be 1 or 2")
    if requirements.scheme != SCHEME_EXACT or payload.accepted.scheme != SCHEME_EXACT:
        raise ProtocolError("unsupported_scheme", "this facilitator settles scheme exact")
    if requirements.network != market.network or payload.accepted.network != market.network:
        raise ProtocolError("invalid_network", f"this facilitator settles on {market.network}")
    payment = exact.read(requirements, payload.payload)
    if payment.domain != market.domain:
        raise ProtocolError("invalid_payment_requirements", "the asset or its EIP-712 domain is not one we settle")
    exact.check_terms(payment, requirements, now)
    exact.check_signature(payment)
    return payment


async def check_on_chain(chain: Chain, payment: ExactPayment) -> None:
    """The nonce is unused and the balance suffices, in the newest block. Raises ProtocolError, ChainUnavailable."""
    transfer = payment.transfer
    used, balance = await asyncio.gather(
        chain.authorization_used(payment.asset, transfer.payer, transfer.nonce),
        chain.token_balance(payment.asset, transfer.payer),
    )
    if used:
        raise ProtocolError("invalid_exact_evm_nonce_already_used", "the token has consumed this nonce already")
    if balance < transfer.value:
        raise ProtocolError("insufficient_funds", f"the payer holds {balance} atomic units and owes {transfer.value}")
