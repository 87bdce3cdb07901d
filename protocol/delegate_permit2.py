"""Scheme delegate for a token without EIP-3009: one Permit2 permit whose nonce and witness are the commitment.

The executor is the spender. It hands Permit2 the commitment that it computes itself, so the payer's signature holds for
that payment and that action alone; a wallet can show the witness, `DelegatePayment`, in full.
"""

import msgspec

from protocol.amounts import parse_amount, parse_uint
from protocol.delegate import MISMATCH, TYPE, Commitment, action_in
from protocol.errors import ProtocolError
from protocol.networks import chain_id
from protocol.payment import Method, Payment
from protocol.permit2 import TOKENS, witnessed_digest
from protocol.signatures import parse_address, parse_hex
from protocol.wire import DelegatePermit2Payload, PaymentRequirements

_WITNESS = b"DelegatePayment witness)" + TYPE.encode() + TOKENS


def permit_digest(committed: Commitment) -> bytes:
    """What the payer signs (EIP-712): `PermitWitnessTransferFrom` over the whole commitment."""
    nonce = committed.nonce()
    pull = (committed.executor, committed.token, committed.amount, int.from_bytes(nonce, "big"), committed.deadline)
    return witnessed_digest(committed.chain_id, *pull, witness=nonce, type_string=_WITNESS)


def read(requirements: PaymentRequirements, payload: dict[str, object]) -> Payment:
    """A payment whose nonce is the commitment to exactly these terms. Raises ProtocolError for any other."""
    try:
        given = msgspec.convert(payload, DelegatePermit2Payload)
    except msgspec.ValidationError as error:
        raise ProtocolError("invalid_payload", f"not a Permit2 payload of scheme delegate: {error}") from error
    signed, network = given.permit2_authorization, requirements.network
    token = parse_address(signed.permitted.token, "permitted.token")
    if token != parse_address(requirements.asset, "asset"):
        raise ProtocolError("permit2_token_mismatch", "permitted.token is not the asset of the terms")
    payer = parse_address(signed.from_, "permit2Authorization.from")
    committed = Commitment(
        chain_id(network),
        parse_address(signed.spender, "permit2Authorization.spender"),
        payer,
        token,
        parse_amount(signed.permitted.amount, "permitted.amount"),
        action_in(requirements, payer, parse_hex(given.salt, "salt", 32)),
        parse_uint(signed.deadline, "permit2Authorization.deadline"),
    )
    nonce = parse_uint(signed.nonce, "permit2Authorization.nonce").to_bytes(32, "big")
    if nonce != committed.nonce():
        raise ProtocolError(MISMATCH, "the nonce does not commit to this contract, action, order and quote")
    return Payment(
        requirements.scheme,
        Method.PERMIT2,
        network,
        token,
        payer,
        committed.executor,
        committed.amount,
        0,
        committed.deadline,
        nonce,
        signed=permit_digest(committed),
        signature=parse_hex(given.signature, "signature"),
        delegated=committed.action,
    )
