"""ECDSA over secp256k1 as Ethereum uses it: strict reading, recovery and addresses."""

import re
from binascii import unhexlify
from functools import lru_cache

from coincurve import PrivateKey, PublicKey
from eth_utils.address import to_checksum_address

from protocol.errors import ProtocolError
from protocol.hashing import keccak

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_BAD_SIGNATURE = "invalid_exact_evm_payload_signature"


def parse_address(text: object, field: str) -> str:
    """A 20-byte address in any letter case, as its checksummed form."""
    if not isinstance(text, str) or not _ADDRESS.fullmatch(text):
        raise ProtocolError("invalid_payload", f"{field} must be a 20-byte address in 0x-hex")
    return checksummed(text)


@lru_cache(maxsize=4096)
def checksummed(address: str | bytes) -> str:
    """20 bytes, or their 0x-hex, as an address with its checksum (EIP-55)."""
    return str(to_checksum_address(address))


def parse_hex(text: object, field: str, size: int | None = None) -> bytes:
    """0x-hex as bytes, of an exact size where one is given."""
    if not isinstance(text, str) or not text.startswith("0x"):
        raise ProtocolError("invalid_payload", f"{field} must be 0x-hex")
    try:
        value = unhexlify(text[2:])  # stricter than bytes.fromhex, which skips white space
    except ValueError as error:
        raise ProtocolError("invalid_payload", f"{field} must be 0x-hex") from error
    if size is not None and len(value) != size:
        raise ProtocolError("invalid_payload", f"{field} must have {size} bytes and has {len(value)}")
    return value


def address_of(public_key: PublicKey) -> str:
    """The checksummed address of a public key: the last 20 bytes of keccak256 of its 64 bytes."""
    return checksummed(keccak(public_key.format(compressed=False)[1:])[12:])


def sign(key: PrivateKey, digest: bytes) -> bytes:
    """65 bytes r‖s‖v over a 32-byte digest, deterministic (RFC 6979), in the form that `recover` accepts."""
    signature = key.sign_recoverable(digest, hasher=None)
    return signature[:64] + bytes([signature[64] + 27])


def recover(digest: bytes, signature: bytes) -> str:
    """The address that signed a 32-byte digest.

    Accepts one spelling only: 65 bytes r‖s‖v, v 27 or 28, s in the lower half of the order (EIP-2), nothing zero.
    """
    if len(signature) != 65:
        raise ProtocolError(_BAD_SIGNATURE, f"an ECDSA signature has 65 bytes, this one {len(signature)}")
    r, s, v = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]
    if not 0 < r < _ORDER or not 0 < s <= _ORDER // 2 or v not in (27, 28):
        raise ProtocolError(_BAD_SIGNATURE, "the signature is not in canonical form (low s, v of 27 or 28)")
    try:
        key = PublicKey.from_signature_and_message(signature[:64] + bytes([v - 27]), digest, hasher=None)
    except Exception as error:  # coincurve raises bare Exception for points off the curve
        raise ProtocolError(_BAD_SIGNATURE, "no public key fits the signature") from error
    return address_of(key)
