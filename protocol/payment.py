"""A payment: one signed, single-use authorization to move a token, in each form that x402 has on EVM chains."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from protocol.typed_data import TokenDomain, Transfer

PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
EXACT_PROXY = "0x402085c248EeA27D92E8b30b2C58ed07f9E20001"
UPTO_PROXY = "0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002"


class Method(StrEnum):
    """Who keeps the nonce and moves the money: the token itself, or Permit2 (`extra.assetTransferMethod`).

    TRANSFER has no nonce and nothing that x402 carries: the payer sends the money itself, by a plain ERC-20 transfer.
    """

    EIP3009 = "eip3009"
    PERMIT2 = "permit2"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class Delegated:
    """What an executor does with a payment of scheme delegate: hand it to `target`, which runs `calldata`.

    Empty calldata is what the target does by itself. `order` is the order's id on chain for this payer, `quote_hash`
    keccak256 of the quote's token, `salt` the payer's choice: 32 bytes each.
    """

    target: str
    calldata: bytes
    order: bytes
    quote_hash: bytes
    salt: bytes


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment that was read, and not yet checked by signature. Addresses are checksummed, times Unix seconds.

    `value` moves whole (scheme exact) or is the most that may move (upto). `domain` is the token's EIP-712 domain as
    the terms name it, for EIP-3009 alone; `facilitator` may settle it alone, where the scheme says so; `delegated` is
    what scheme delegate sets off. `signed` is the EIP-712 digest that the payer signed.
    """

    scheme: str
    method: Method
    network: str
    asset: str
    payer: str
    to: str
    value: int
    valid_after: int
    valid_before: int
    nonce: bytes
    signed: bytes
    signature: bytes = field(repr=False)
    domain: TokenDomain | None = None
    facilitator: str | None = None
    delegated: Delegated | None = None

    @property
    def authority(self) -> str:
        """The contract that lets the nonce be used once: the token, or Permit2."""
        return PERMIT2 if self.method is Method.PERMIT2 else self.asset

    @property
    def transfer(self) -> Transfer:
        """The EIP-3009 authorization in the order of its arguments."""
        return Transfer(self.payer, self.to, self.value, self.valid_after, self.valid_before, self.nonce)

    def digest(self) -> bytes:
        """SHA-256 that names this signed authorization: what the order and the receipt keep instead of the bytes."""
        return hashlib.sha256(self.signed + self.signature).digest()
