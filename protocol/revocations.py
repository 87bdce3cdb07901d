"""Revocations: the marketplace's signed word that a receipt of its own no longer holds."""

from typing import Annotated

import msgspec

from protocol.networks import chain_id
from protocol.signatures import parse_hex, recover
from protocol.typed_data import typed_digest

_FIELDS = {"orderId": "string", "receiptHash": "bytes32", "reason": "string", "revokedAt": "uint256"}


class Revocation(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Why and when (Unix seconds); `receipt_hash` is the revoked receipt's EIP-712 digest in 0x-hex."""

    order_id: str
    network: str
    receipt_hash: str
    reason: str
    revoked_at: Annotated[int, msgspec.Meta(ge=0, le=2**53)]

    def digest(self) -> bytes:
        """The EIP-712 digest that the receipt key signs, in the receipts' own domain. Raises ProtocolError."""
        message = {
            "orderId": self.order_id,
            "receiptHash": parse_hex(self.receipt_hash, "receiptHash", 32),
            "reason": self.reason,
            "revokedAt": self.revoked_at,
        }
        domain = {"name": "Paddock receipt", "version": "1", "chainId": chain_id(self.network)}
        return typed_digest(domain, "ReceiptRevocation", _FIELDS, message)


class SignedRevocation(msgspec.Struct, frozen=True, rename="camel"):
    """A revocation with the marketplace's signature (0x-hex, 65 bytes)."""

    revocation: Revocation
    signature: str

    def signer(self) -> str:
        """The address that signed it."""
        return recover(self.revocation.digest(), parse_hex(self.signature, "signature"))
