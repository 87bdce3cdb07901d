"""Signed offers (x402 offer-and-receipt, EIP-712): terms that the seller of a 402 cannot deny later."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from protocol.amounts import parse_amount, parse_uint
from protocol.errors import ProtocolError
from protocol.networks import chain_id
from protocol.receipts import EXTENSION
from protocol.signatures import parse_address, parse_hex, recover
from protocol.typed_data import typed_digest
from protocol.wire import PaymentRequirements

FORMAT = "eip712"
VERSION = 1
MAX_OFFERS = 16

_DOMAIN = {"name": "x402 offer", "version": "1", "chainId": 1}
_FIELDS = {
    "version": "uint256",
    "resourceUrl": "string",
    "scheme": "string",
    "network": "string",
    "asset": "string",
    "payTo": "string",
    "amount": "string",
    "validUntil": "uint256",
}
_TEXT, _INTEGER = {"type": "string"}, {"type": "integer"}
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "offers": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "format": _TEXT,
                    "acceptIndex": _INTEGER,
                    "payload": {
                        "type": "object",
                        "properties": {n: _INTEGER if kind == "uint256" else _TEXT for n, kind in _FIELDS.items()},
                        "required": [name for name in _FIELDS if name != "validUntil"],
                    },
                    "signature": _TEXT,
                },
                "required": ["format", "signature"],
            },
        }
    },
    "required": ["offers"],
}


class Offer(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The terms that are signed; `valid_until` in Unix seconds, 0 for an offer without an end."""

    version: int
    resource_url: str
    scheme: str
    network: str
    asset: str
    pay_to: str
    amount: str
    valid_until: int = 0

    def digest(self) -> bytes:
        """What the seller signs. Raises ProtocolError for values that no offer on an EVM network can have."""
        if self.version != VERSION:
            raise ProtocolError("invalid_offer", f"an offer has version {VERSION}, this one {self.version}")
        chain_id(self.network)
        parse_address(self.pay_to, "payTo")
        parse_amount(self.amount)
        parse_uint(str(self.valid_until), "validUntil")
        return typed_digest(_DOMAIN, "Offer", _FIELDS, {"validUntil": 0, **msgspec.to_builtins(self)})

    def covers(self, entry: PaymentRequirements, now: int) -> bool:
        """Whether it is for that entry of `accepts` and still valid at `now`; the resource is for the caller to judge.

        Addresses are compared in any letter case.
        """
        own = (self.scheme, self.network, self.asset.lower(), self.pay_to.lower(), self.amount)
        theirs = (entry.scheme, entry.network, entry.asset.lower(), entry.pay_to.lower(), entry.amount)
        return own == theirs and not 0 < self.valid_until <= now


class SignedOffer(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """An offer with the seller's signature (0x-hex, 65 bytes); `accept_index` is a hint that nobody signed."""

    format: str = FORMAT
    accept_index: int = 0
    payload: Offer
    signature: str

    def signer(self) -> str:
        """The address that signed it: compare with the key that the seller publishes."""
        return _signer(self.payload, self.signature)


@lru_cache(maxsize=1024)
def _signer(payload: Offer, signature: str) -> str:
    """Kept, since a seller sends the same offer with each 402 of a route for as long as it lasts."""
    return recover(payload.digest(), parse_hex(signature, "signature"))


def offer_of(entry: PaymentRequirements, resource_url: str, valid_until: int) -> Offer:
    """The offer for an entry of `accepts`, to be signed."""
    return Offer(
        version=VERSION,
        resource_url=resource_url,
        scheme=entry.scheme,
        network=entry.network,
        asset=entry.asset,
        pay_to=entry.pay_to,
        amount=entry.amount,
        valid_until=valid_until,
    )


def declaration(offers: Sequence[SignedOffer]) -> dict[str, Any]:
    """The extension as it stands in a 402, in the order of `accepts`."""
    return {"info": {"offers": [msgspec.to_builtins(offer) for offer in offers]}, "schema": SCHEMA}


def offers_in(extensions: dict[str, Any] | None) -> list[SignedOffer]:
    """The EIP-712 offers of a 402; those in another format are left out, since nobody here can check them.

    Raises ProtocolError(`invalid_offer`) for anything that is not an offer.
    """
    if not extensions or EXTENSION not in extensions:
        return []
    try:
        found = msgspec.convert(extensions[EXTENSION]["info"].get("offers", []), list[dict[str, Any]])
        if len(found) > MAX_OFFERS:
            raise ProtocolError("invalid_offer", f"the 402 has {len(found)} offers; at most {MAX_OFFERS} are read")
        return [msgspec.convert(offer, SignedOffer) for offer in found if offer.get("format") == FORMAT]
    except (msgspec.ValidationError, KeyError, TypeError, AttributeError) as error:
        raise ProtocolError("invalid_offer", f"the offers do not have the expected shape: {error}") from error
