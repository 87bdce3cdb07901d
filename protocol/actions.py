"""Actions: what a payer signs (EIP-712) to choose what a DELEGATE payment makes its callback do."""

from dataclasses import dataclass
from typing import Any

import msgspec

from protocol.errors import ProtocolError
from protocol.hashing import keccak
from protocol.payment import PERMIT2
from protocol.signatures import parse_hex
from protocol.typed_data import typed_digest

EXTENSION = "calldata-signature"
SIGNATURE_BYTES = 65
"""The callback's entries take v, r and s: an EOA's signature, or one of that length that an ERC-1271 wallet takes."""
_DOMAIN_FIELDS = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address"}
_SHARED = {
    "token": "address",
    "owner": "address",
    "payer": "address",
    "amount": "uint256",
    "orderId": "bytes32",
    "calldataNonce": "uint256",
    "deadline": "uint256",
    "calldataHash": "bytes32",
}


@dataclass(frozen=True, slots=True)
class Action:
    """One payer's choice for one order. `owner` is the delegate wallet, `order` the order's id on chain (32 bytes).

    Its callback takes two structs for each way to pull the money: ours, and GOAT's, which is ours without the nonce of
    the pull. Here that nonce is `order` anyway. `amount` in atomic units, `deadline` in Unix seconds.
    """

    chain_id: int
    contract: str
    token: str
    owner: str
    payer: str
    amount: int
    order: bytes
    deadline: int
    calldata: bytes
    by_permit2: bool = False

    def digest(self, *, goats: bool = False) -> bytes:
        """What the payer signs: our struct, or GOAT's."""
        primary = primary_type(by_permit2=self.by_permit2, goats=goats)
        return typed_digest(self._domain(), primary, self._fields(goats), self._message(goats))

    def document(self) -> dict[str, Any]:
        """Our struct as a whole EIP-712 document of JSON values, as wallets take it; integers are decimal strings."""
        asked = self._asked(goats=False)
        return asked | {"types": {"EIP712Domain": _listed(_DOMAIN_FIELDS)} | asked["types"]}

    def sign_request(self) -> dict[str, Any]:
        """GOAT's struct as its clients take it: the same without the domain's own type, which their library adds."""
        return self._asked(goats=True)

    def _asked(self, *, goats: bool) -> dict[str, Any]:
        message = {
            name: "0x" + value.hex() if isinstance(value, bytes) else str(value)
            for name, value in self._message(goats).items()
        }
        primary = primary_type(by_permit2=self.by_permit2, goats=goats)
        types = {primary: _listed(self._fields(goats))}
        return {"domain": self._domain(), "types": types, "primaryType": primary, "message": message}

    def _domain(self) -> dict[str, Any]:
        return {
            "name": "GoatX402 Pay Callback",
            "version": "1",
            "chainId": self.chain_id,
            "verifyingContract": self.contract,
        }

    def _fields(self, goats: bool) -> dict[str, str]:
        first = {"permit2": "address"} if self.by_permit2 else {}
        return first | _SHARED | ({} if goats else {"paymentNonce": "uint256" if self.by_permit2 else "bytes32"})

    def _message(self, goats: bool) -> dict[str, Any]:
        number = int.from_bytes(self.order, "big")
        told = {
            "permit2": PERMIT2,
            "token": self.token,
            "owner": self.owner,
            "payer": self.payer,
            "amount": self.amount,
            "orderId": self.order,
            "calldataNonce": number,
            "deadline": self.deadline,
            "calldataHash": keccak(self.calldata),
            "paymentNonce": number if self.by_permit2 else self.order,
        }
        return {name: told[name] for name in self._fields(goats)}


def primary_type(*, by_permit2: bool, goats: bool = False) -> str:
    """The name of the struct that is signed."""
    return f"{'Permit2' if by_permit2 else 'Eip3009'}Callback{'Data' if goats else 'Payment'}"


def _listed(fields: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in fields.items()]


class _Info(msgspec.Struct):
    signature: str | msgspec.UnsetType = msgspec.UNSET


class _Extension(msgspec.Struct):
    info: _Info


def declaration(submit_at: str, *, by_permit2: bool) -> dict[str, Any]:
    """The extension as it stands in a 402: a client adds `signature`, or sends it to the URL after paying."""
    return {
        "info": {"primaryType": primary_type(by_permit2=by_permit2), "url": submit_at},
        "schema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "primaryType": {"type": "string"},
                "url": {"type": "string"},
                "signature": {"type": "string", "pattern": "^0x[0-9a-fA-F]{130}$"},
            },
            "required": ["primaryType", "url"],
        },
    }


def read_signature(extensions: dict[str, Any] | None) -> bytes | None:
    """The signature in a payment's extensions; None where the client only echoed the declaration.

    Raises ProtocolError(`invalid_payload`) for another shape.
    """
    if not extensions or EXTENSION not in extensions:
        return None
    try:
        found = msgspec.convert(extensions[EXTENSION], _Extension).info.signature
    except msgspec.ValidationError as error:
        raise ProtocolError("invalid_payload", f"extension {EXTENSION}: {error}") from error
    return None if isinstance(found, msgspec.UnsetType) else parse_hex(found, "signature", SIGNATURE_BYTES)
