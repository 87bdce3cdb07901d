"""Receipts: the x402 offer-receipt and Paddock's fuller one, both EIP-712, both verifiable with no one's help."""

from typing import Any

import msgspec

from protocol.amounts import parse_uint
from protocol.errors import ProtocolError
from protocol.networks import chain_id
from protocol.signatures import parse_address, parse_hex, recover
from protocol.typed_data import typed_digest

EXTENSION = "offer-receipt"
PADDOCK_EXTENSION = "paddock-receipt"

_X402_DOMAIN = {"name": "x402 receipt", "version": "1", "chainId": 1}
_X402_FIELDS = {
    "version": "uint256",
    "network": "string",
    "resourceUrl": "string",
    "payer": "string",
    "issuedAt": "uint256",
    "transaction": "string",
}
_FIELDS = {
    "orderId": "string",
    "quoteId": "string",
    "resourceUrl": "string",
    "intentHash": "bytes32",
    "mode": "string",
    "network": "string",
    "asset": "address",
    "amount": "uint256",
    "payer": "address",
    "payTo": "address",
    "paymentHash": "bytes32",
    "transaction": "bytes32",
    "callbackTransaction": "bytes32",
    "bodyHash": "bytes32",
    "bodySize": "uint256",
    "bodyType": "string",
    "paidAt": "uint256",
    "issuedAt": "uint256",
    "status": "string",
}
ZERO_HASH = "0x" + "00" * 32


class Receipt(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """All that both sides keep of a delivered order. Hashes and addresses are 0x-hex, times Unix seconds.

    `payment_hash` names the signed authorization without disclosing it (`ExactPayment.digest`); `amount` is a decimal
    string of atomic units, what was charged; `callback_transaction` is zero where no contract was called, `transaction`
    where a metered call used nothing.
    """

    order_id: str
    quote_id: str
    resource_url: str
    intent_hash: str
    mode: str
    network: str
    asset: str
    amount: str
    payer: str
    pay_to: str
    payment_hash: str
    transaction: str
    callback_transaction: str = ZERO_HASH
    body_hash: str
    body_size: int
    body_type: str
    paid_at: int
    issued_at: int
    status: str

    def digest(self) -> bytes:
        """The EIP-712 digest that the marketplace's receipt key signs; the domain carries the payment's chain id.

        Raises ProtocolError for values that no receipt can have.
        """
        given: dict[str, Any] = msgspec.to_builtins(self)
        message = {name: _typed(kind, name, given[name]) for name, kind in _FIELDS.items()}
        domain = {"name": "Paddock receipt", "version": "1", "chainId": chain_id(self.network)}
        return typed_digest(domain, "PaddockReceipt", _FIELDS, message)


def _typed(kind: str, name: str, value: Any) -> Any:
    """A member as its EIP-712 type wants it."""
    if kind == "bytes32":
        return parse_hex(value, name, 32)
    if kind == "address":
        return parse_address(value, name)
    return parse_uint(str(value), name) if kind == "uint256" else value


class SignedReceipt(msgspec.Struct, frozen=True, rename="camel"):
    """A receipt with the marketplace's signature (0x-hex, 65 bytes)."""

    receipt: Receipt
    signature: str

    def signer(self) -> str:
        """The address that signed it: compare with the published receipt key."""
        return recover(self.receipt.digest(), parse_hex(self.signature, "signature"))


def x402_receipt_digest(payload: dict[str, Any]) -> bytes:
    """The digest of a standard x402 receipt payload (extension `offer-receipt`, format eip712)."""
    return typed_digest(_X402_DOMAIN, "Receipt", _X402_FIELDS, {"transaction": "", **payload})


def receipt_in(extensions: dict[str, Any] | None) -> SignedReceipt | None:
    """The Paddock receipt inside a settle response's extensions; None where the seller sends none."""
    if not extensions or PADDOCK_EXTENSION not in extensions:
        return None
    try:
        return msgspec.convert(extensions[PADDOCK_EXTENSION]["info"], SignedReceipt)
    except (msgspec.ValidationError, KeyError, TypeError) as error:
        raise ProtocolError("invalid_receipt", f"the receipt does not have the expected shape: {error}") from error
