"""Signed requests: how a payer shows, by the key that paid, that it is the one who asks about its order."""

import base64
import binascii
import secrets
from collections.abc import Awaitable, Callable

import msgspec

from protocol.errors import ProtocolError
from protocol.headers import decode_json
from protocol.signatures import parse_hex, recover
from protocol.typed_data import typed_digest

SCHEME = "PaddockRequest"
"""The scheme of the Authorization header that carries one."""
WINDOW = 300
"""Seconds that a request is good for after it was issued."""
SKEW = 30
"""Seconds by which the signer's clock may be ahead of ours."""
MAKE_KEY, LIST_KEYS, REVOKE_KEY = "make-key", "list-keys", "revoke-key"
"""Actions on a wallet's buyer keys: `order_id` is the URL that is asked."""
MOST_REASON = 500
MOST_BYTES = 4096

_INVALID = "invalid_request"
_FIELDS = {"action": "string", "orderId": "string", "reason": "string", "issuedAt": "uint256", "nonce": "bytes32"}

WalletCheck = Callable[[str, bytes, bytes], Awaitable[bool]]
"""Whether a smart wallet (its address) accepts a signature over a digest: (address, digest, signature)."""


class PayerRequest(msgspec.Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What the payer asks of one order. `issued_at` Unix seconds, `nonce` 32 bytes in 0x-hex, good for one use."""

    action: str
    order_id: str
    reason: str = ""
    issued_at: int
    nonce: str

    def digest(self, chain_id: int) -> bytes:
        """The EIP-712 digest to sign; the domain carries the chain that the order was paid on."""
        message = {
            "action": self.action,
            "orderId": self.order_id,
            "reason": self.reason,
            "issuedAt": self.issued_at,
            "nonce": parse_hex(self.nonce, "nonce", 32),
        }
        domain = {"name": "Paddock request", "version": "1", "chainId": chain_id}
        return typed_digest(domain, "PaddockRequest", _FIELDS, message)


class SignedRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A request with the payer's signature (0x-hex)."""

    request: PayerRequest
    signature: str

    def header(self) -> str:
        """The value of the Authorization header."""
        return f"{SCHEME} {base64.b64encode(msgspec.json.encode(self)).decode('ascii')}"


def new_request(action: str, order_id: str, now: int, reason: str = "") -> PayerRequest:
    """A request to sign, with a nonce of its own; `now` in Unix seconds."""
    nonce = "0x" + secrets.token_hex(32)
    return PayerRequest(action=action, order_id=order_id, reason=reason, issued_at=now, nonce=nonce)


def read(value: str, action: str, order_id: str, now: int) -> SignedRequest:
    """The request in an Authorization value, if it is one for this action on this order and of this moment.

    Says nothing yet of who signed it. Raises ProtocolError(`invalid_request`) in words that the sender can act on.
    """
    signed = _decode(value)
    request = signed.request
    if request.action != action:
        raise ProtocolError(_INVALID, f"the request was signed for another action; this one is {action!r}")
    if request.order_id != order_id:
        raise ProtocolError(_INVALID, "the request was signed for another order")
    if not now - WINDOW <= request.issued_at <= now + SKEW:
        raise ProtocolError(_INVALID, f"issuedAt must be within the last {WINDOW} seconds; sign a new request")
    if len(request.reason) > MOST_REASON:
        raise ProtocolError(_INVALID, f"the reason has {len(request.reason)} characters; {MOST_REASON} at most")
    parse_hex(request.nonce, "nonce", 32)
    return signed


async def is_signed_by(signed: SignedRequest, payer: str, chain_id: int, wallet: WalletCheck | None = None) -> bool:
    """Whether the payer signed it, for that chain: by its key, or, where `wallet` is given, by what the wallet says.

    Any signature that cannot be read is nobody's. Raises only what `wallet` raises.
    """
    digest = signed.request.digest(chain_id)
    try:
        signature = parse_hex(signed.signature, "signature")
    except ProtocolError:
        return False
    try:
        if recover(digest, signature) == payer:
            return True
    except ProtocolError:
        pass
    return wallet is not None and await wallet(payer, digest, signature)


def _decode(value: str) -> SignedRequest:
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() != SCHEME.lower() or len(encoded) > MOST_BYTES:
        raise ProtocolError(_INVALID, f"the header must read '{SCHEME} <base64 JSON>', of {MOST_BYTES} bytes at most")
    try:
        text = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProtocolError(_INVALID, "the request is not padded base64") from error
    try:
        return decode_json(text, SignedRequest)
    except ProtocolError as error:
        raise ProtocolError(_INVALID, error.detail) from error
