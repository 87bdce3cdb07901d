"""Payments by Permit2: any ERC-20 token, moved by the x402 proxies on the payer's witnessed permit.

The types are Permit2's `PermitWitnessTransferFrom` with the witness of the proxy that is the spender: `exact` moves the
whole amount, `upto` at most that, and by one facilitator only.
"""

from functools import lru_cache
from typing import NamedTuple

import msgspec

from protocol.amounts import parse_amount, parse_uint
from protocol.errors import ProtocolError
from protocol.hashing import keccak
from protocol.networks import chain_id
from protocol.payment import EXACT_PROXY, PERMIT2, UPTO_PROXY, Method, Payment
from protocol.signatures import parse_address, parse_hex
from protocol.typed_data import word
from protocol.wire import SCHEME_UPTO, PaymentRequirements, Permit2Payload

_DOMAIN_TYPE = keccak(b"EIP712Domain(string name,uint256 chainId,address verifyingContract)")
TOKENS = b"TokenPermissions(address token,uint256 amount)"
_TOKENS_TYPE = keccak(TOKENS)
_WITNESSED = b"PermitWitnessTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline,"
_PULL = b"PermitTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline)" + TOKENS
_EXACT_WITNESS = b"Witness(address to,uint256 validAfter)"
_UPTO_WITNESS = b"Witness(address to,address facilitator,uint256 validAfter)"


class Permit(NamedTuple):
    """What the payer signs: atomic units, Unix seconds. `facilitator` is there for scheme upto alone."""

    payer: str
    token: str
    amount: int
    nonce: int
    deadline: int
    to: str
    valid_after: int
    facilitator: str | None = None

    @property
    def spender(self) -> str:
        """The proxy that may take the money, and gives it to `to` alone."""
        return UPTO_PROXY if self.facilitator else EXACT_PROXY


def permit_digest(chain: int, permit: Permit) -> bytes:
    """The EIP-712 digest of a permit on the chain with that id (Permit2's domain has no version)."""
    if permit.facilitator:
        witness_type, witness = _UPTO_WITNESS, word(permit.to) + word(permit.facilitator) + word(permit.valid_after)
    else:
        witness_type, witness = _EXACT_WITNESS, word(permit.to) + word(permit.valid_after)
    pull = (permit.spender, permit.token, permit.amount, permit.nonce, permit.deadline)
    type_string = b"Witness witness)" + TOKENS + witness_type
    return witnessed_digest(chain, *pull, witness=keccak(keccak(witness_type) + witness), type_string=type_string)


def witnessed_digest(
    chain: int, spender: str, token: str, amount: int, nonce: int, deadline: int, *, witness: bytes, type_string: bytes
) -> bytes:
    """The EIP-712 digest of a permit with any witness: its struct hash, and how Permit2 is told of its type."""
    permitted = keccak(_TOKENS_TYPE + word(token) + word(amount))
    struct = keccak(_WITNESSED + type_string) + permitted + word(spender) + word(nonce) + word(deadline) + witness
    return keccak(b"\x19\x01" + _domain_separator(chain) + keccak(struct))


def pull_digest(chain: int, spender: str, token: str, amount: int, nonce: int, deadline: int) -> bytes:
    """The EIP-712 digest of a plain permit: `spender` alone may take it, to wherever it says."""
    permitted = keccak(_TOKENS_TYPE + word(token) + word(amount))
    struct = keccak(keccak(_PULL) + permitted + word(spender) + word(nonce) + word(deadline))
    return keccak(b"\x19\x01" + _domain_separator(chain) + struct)


def read(requirements: PaymentRequirements, payload: dict[str, object]) -> Payment:
    """A scheme payload as typed values.

    Raises ProtocolError: `invalid_payload` for any other spelling, and by reasons of Permit2's own where the permit is
    for another token or another spender than the terms.
    """
    try:
        given = msgspec.convert(payload, Permit2Payload)
    except msgspec.ValidationError as error:
        raise ProtocolError("invalid_payload", f"not a Permit2 payload: {error}") from error
    signed, upto = given.permit2_authorization, requirements.scheme == SCHEME_UPTO
    permit = Permit(
        parse_address(signed.from_, "permit2Authorization.from"),
        parse_address(signed.permitted.token, "permitted.token"),
        parse_amount(signed.permitted.amount, "permitted.amount"),
        parse_uint(signed.nonce, "permit2Authorization.nonce"),
        parse_uint(signed.deadline, "permit2Authorization.deadline"),
        parse_address(signed.witness.to, "witness.to"),
        parse_uint(signed.witness.valid_after, "witness.validAfter"),
        parse_address(signed.witness.facilitator, "witness.facilitator") if upto else None,
    )
    if parse_address(signed.spender, "permit2Authorization.spender") != permit.spender:
        raise ProtocolError("invalid_permit2_spender", f"permit2Authorization.spender must be {permit.spender}")
    if permit.token != parse_address(requirements.asset, "asset"):
        raise ProtocolError("permit2_token_mismatch", "permitted.token is not the asset of the terms")
    return Payment(
        requirements.scheme,
        Method.PERMIT2,
        requirements.network,
        permit.token,
        permit.payer,
        permit.to,
        permit.amount,
        permit.valid_after,
        permit.deadline,
        permit.nonce.to_bytes(32, "big"),
        signed=permit_digest(chain_id(requirements.network), permit),
        signature=parse_hex(given.signature, "signature"),
        facilitator=permit.facilitator,
    )


@lru_cache(maxsize=64)
def _domain_separator(chain: int) -> bytes:
    return keccak(_DOMAIN_TYPE + keccak(b"Permit2") + word(chain) + word(PERMIT2))
