"""ABI encoding of the calls that settle payments: by the token, by the x402 proxies of Permit2, or many at once."""

from collections.abc import Sequence
from typing import Any

from eth_abi.abi import encode

from protocol.hashing import keccak
from protocol.payment import EXACT_PROXY, UPTO_PROXY, Method, Payment
from protocol.schemes import is_by_key
from server.domain.calls import encode_call, transfer_with_authorization

ITEM_GAS = 150_000
"""The most gas that one item of a batch may use."""
MOST_WALLET_GAS = 500_000
"""The most gas that moving a smart wallet's money may use."""

_BYTES_FORM = "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,bytes)"
_PERMIT = "((address,uint256),uint256,uint256)"
_EXACT = (_PERMIT, "address", "(address,uint256)", "bytes")
_UPTO = (_PERMIT, "uint256", "address", "(address,address,uint256)", "bytes")


def payment_call(payment: Payment, amount: int) -> tuple[str, bytes]:
    """The contract and the call that settle one payment, for `amount` atomic units where the scheme leaves a choice."""
    if payment.method is Method.EIP3009:
        return payment.asset, _by_token(payment)
    permit = ((payment.asset, payment.value), int.from_bytes(payment.nonce, "big"), payment.valid_before)
    if payment.facilitator is None:
        witness = (payment.to, payment.valid_after)
        return EXACT_PROXY, _settle(_EXACT, permit, payment.payer, witness, payment.signature)
    upto = (payment.to, payment.facilitator, payment.valid_after)
    return UPTO_PROXY, _settle(_UPTO, permit, amount, payment.payer, upto, payment.signature)


def batchable(payment: Payment) -> bool:
    """Whether a payment may share a transaction: BatchSettler takes EIP-3009 by EOAs, and packs its numbers."""
    fits = payment.value < 2**128 and max(payment.valid_after, payment.valid_before) < 2**48
    plain = payment.method is Method.EIP3009 and payment.delegated is None
    return fits and plain and is_by_key(payment)


def settle_batch(asset: str, payments: Sequence[Payment]) -> bytes:
    """BatchSettler's call: items packed as its contract documents, in the v,r,s form."""
    return encode_call("settle(address,uint256,bytes)", asset, ITEM_GAS, b"".join(map(_item, payments)))


def _by_token(payment: Payment) -> bytes:
    """In the form that every such token has for keys, and in the one that asks a wallet for others."""
    if is_by_key(payment):
        return transfer_with_authorization(payment.transfer, payment.signature)
    return encode_call(_BYTES_FORM, *payment.transfer, payment.signature)


def _settle(types: Sequence[str], *values: Any) -> bytes:
    return keccak(f"settle({','.join(types)})".encode())[:4] + encode(types, values)


def _item(payment: Payment) -> bytes:
    return (
        bytes.fromhex(payment.payer[2:])
        + bytes.fromhex(payment.to[2:])
        + payment.value.to_bytes(16, "big")
        + payment.valid_after.to_bytes(6, "big")
        + payment.valid_before.to_bytes(6, "big")
        + payment.nonce
        + b"\0\0"
        + payment.signature
    )
