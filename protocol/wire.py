"""x402 v2 messages as they stand on the wire (JSON in padded base64 headers)."""

from typing import Any

import msgspec

SCHEME_EXACT = "exact"
SCHEME_UPTO = "upto"
SCHEME_DELEGATE = "delegate"


class Resource(msgspec.Struct, omit_defaults=True, rename="camel"):
    """What is paid for; `url` is absolute."""

    url: str
    description: str | None = None
    mime_type: str | None = None
    service_name: str | None = None
    tags: list[str] | None = None
    icon_url: str | None = None


class PaymentRequirements(msgspec.Struct, rename="camel", kw_only=True):
    """One entry of `accepts`. `amount` is a decimal string of atomic units; our own `extra` values are strings."""

    scheme: str
    network: str
    amount: str
    asset: str
    pay_to: str
    max_timeout_seconds: int
    extra: dict[str, Any] = {}


class PaymentRequired(msgspec.Struct, omit_defaults=True, rename="camel", kw_only=True):
    """The terms in a 402."""

    x402_version: int = msgspec.field(name="x402Version")
    error: str | None = None
    resource: Resource
    accepts: list[PaymentRequirements]
    extensions: dict[str, Any] | None = None


class ExactAuthorization(msgspec.Struct):
    """EIP-3009 `TransferWithAuthorization` as x402 writes it: integers are decimal strings."""

    from_: str = msgspec.field(name="from")
    to: str
    value: str
    valid_after: str = msgspec.field(name="validAfter")
    valid_before: str = msgspec.field(name="validBefore")
    nonce: str


class ExactPayload(msgspec.Struct):
    """The `payload` of scheme exact with EIP-3009; `signature` is 0x-hex."""

    signature: str
    authorization: ExactAuthorization


class DelegatePayload(msgspec.Struct):
    """The `payload` of scheme delegate: the authorization's nonce commits to all else; `salt` is 32 bytes in 0x-hex."""

    signature: str
    authorization: ExactAuthorization
    salt: str


class TokenPermissions(msgspec.Struct):
    """The token and the amount of a Permit2 permit; `amount` is a decimal string of atomic units."""

    token: str
    amount: str


class Permit2Witness(msgspec.Struct, omit_defaults=True, rename="camel", kw_only=True):
    """What the x402 proxies hold a permit to; `facilitator` for scheme upto alone."""

    to: str
    facilitator: str | None = None
    valid_after: str


class Permit2Authorization(msgspec.Struct):
    """Permit2's `PermitWitnessTransferFrom` as x402 writes it: integers are decimal strings."""

    permitted: TokenPermissions
    from_: str = msgspec.field(name="from")
    spender: str
    nonce: str
    deadline: str
    witness: Permit2Witness


class Permit2Payload(msgspec.Struct):
    """The `payload` of schemes exact and upto with Permit2; `signature` is 0x-hex."""

    signature: str
    permit2_authorization: Permit2Authorization = msgspec.field(name="permit2Authorization")


class DelegatePermit(msgspec.Struct):
    """Permit2's part of scheme delegate: the nonce is the commitment, and so is the witness, which is not repeated."""

    permitted: TokenPermissions
    from_: str = msgspec.field(name="from")
    spender: str
    nonce: str
    deadline: str


class DelegatePermit2Payload(msgspec.Struct):
    """The `payload` of scheme delegate with Permit2; `salt` is 32 bytes in 0x-hex."""

    signature: str
    permit2_authorization: DelegatePermit = msgspec.field(name="permit2Authorization")
    salt: str


class PaymentPayload(msgspec.Struct, omit_defaults=True, rename="camel", kw_only=True):
    """What the client sends back: the chosen entry echoed whole, and the scheme's payload."""

    x402_version: int = msgspec.field(name="x402Version")
    resource: Resource | None = None
    accepted: PaymentRequirements
    payload: dict[str, Any]
    extensions: dict[str, Any] | None = None


class SettleResponse(msgspec.Struct, omit_defaults=True, rename="camel", kw_only=True):
    """Outcome of a settlement; `transaction` is the chain transaction's hash, or empty."""

    success: bool = msgspec.field()
    error_reason: str | None = None
    error_message: str | None = None
    payer: str | None = None
    transaction: str = msgspec.field()
    network: str = msgspec.field()
    amount: str | None = None
    extensions: dict[str, Any] | None = None


class VerifyResponse(msgspec.Struct, omit_defaults=True, rename="camel", kw_only=True):
    """Outcome of a verification."""

    is_valid: bool = msgspec.field()
    invalid_reason: str | None = None
    invalid_message: str | None = None
    payer: str | None = None


class FacilitatorRequest(msgspec.Struct, rename="camel", kw_only=True):
    """Body of `POST /verify` and `POST /settle`."""

    x402_version: int = msgspec.field(name="x402Version")
    payment_payload: PaymentPayload
    payment_requirements: PaymentRequirements
