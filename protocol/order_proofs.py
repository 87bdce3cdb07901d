"""Proofs of merchants' orders: GOAT's payload with what it was paid for, signed by the marketplace (EIP-712)."""

from typing import Any

import msgspec

from protocol.amounts import parse_uint
from protocol.errors import ProtocolError
from protocol.headers import decode_json
from protocol.signatures import parse_address, parse_hex, recover
from protocol.typed_data import typed_digest
from protocol.verification import Report

_DOMAIN = {"name": "Paddock order proof", "version": "1"}
_FIELDS = {
    "orderId": "string",
    "txHash": "bytes32",
    "logIndex": "uint256",
    "from": "address",
    "to": "address",
    "amount": "uint256",
    "chainId": "uint256",
    "flow": "string",
    "resource": "string",
    "merchantId": "string",
    "dappOrderId": "string",
    "token": "address",
    "orderAmount": "uint256",
    "termsHash": "bytes32",
}


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """What the payment is for. `terms_hash` (32 bytes in 0x-hex) covers all that the order was made with."""

    resource: str
    merchant_id: str
    dapp_order_id: str
    token_contract: str
    order_amount_wei: str
    terms_hash: str


class ProofPayload(msgspec.Struct, frozen=True, kw_only=True):
    """One Transfer log of a chain transaction, by its index in the block; amounts are decimal atomic units."""

    order_id: str
    tx_hash: str
    log_index: int
    from_addr: str
    to_addr: str
    amount_wei: str
    chain_id: int
    flow: str

    def digest(self, binding: Binding) -> bytes:
        """What the receipt key signs; the domain carries the chain. Raises ProtocolError for impossible values."""
        message: dict[str, Any] = {
            "orderId": self.order_id,
            "txHash": parse_hex(self.tx_hash, "tx_hash", 32),
            "logIndex": self.log_index,
            "from": parse_address(self.from_addr, "from_addr"),
            "to": parse_address(self.to_addr, "to_addr"),
            "amount": parse_uint(self.amount_wei, "amount_wei"),
            "chainId": self.chain_id,
            "flow": self.flow,
            "resource": binding.resource,
            "merchantId": binding.merchant_id,
            "dappOrderId": binding.dapp_order_id,
            "token": parse_address(binding.token_contract, "token_contract"),
            "orderAmount": parse_uint(binding.order_amount_wei, "order_amount_wei"),
            "termsHash": parse_hex(binding.terms_hash, "terms_hash", 32),
        }
        return typed_digest(_DOMAIN | {"chainId": self.chain_id}, "PaddockOrderProof", _FIELDS, message)


class OrderProof(msgspec.Struct, frozen=True):
    """As it is answered. `signer` says whose signature (65 bytes in 0x-hex) it claims to be: do not take its word."""

    payload: ProofPayload
    signature: str
    binding: Binding
    signer: str = ""

    def signed_by(self) -> str:
        """The address that signed it: compare with the marketplace's published receipt keys."""
        return recover(self.payload.digest(self.binding), parse_hex(self.signature, "signature"))


def read_order_proof(text: bytes) -> OrderProof | None:
    """The proof that a JSON file holds; None if it is something else."""
    try:
        return decode_json(text, OrderProof)
    except ProtocolError:
        return None


def check_order_proof(proof: OrderProof, *signers: str) -> Report:
    """Whether one of the marketplace's published keys (checksummed) signed it; without one nobody vouches for it."""
    report = Report()
    try:
        found = proof.signed_by()
    except ProtocolError as error:
        report.wrong.append(f"the proof is not signed: {error.detail}")
        return report
    if not signers:
        report.unchecked.append(f"that {found}, who signed the proof, is the marketplace's receipt key")
        return report
    bad = f"the proof is signed by {found}, and the marketplace's key is {' or '.join(signers)}"
    report.expect(found in signers, f"the proof is signed by {found}, the marketplace's key", bad)
    return report
