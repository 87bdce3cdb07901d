"""EIP-712: the digests that payers, the marketplace and the delegate wallet sign."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from protocol.hashing import keccak

_DOMAIN_TYPE = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_FIELDS = b"(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
TRANSFER_TYPE = keccak(b"TransferWithAuthorization" + _FIELDS)
RECEIVE_TYPE = keccak(b"ReceiveWithAuthorization" + _FIELDS)
CANCEL_TYPE = keccak(b"CancelAuthorization(address authorizer,bytes32 nonce)")


class TokenDomain(NamedTuple):
    """The EIP-712 domain of a token contract."""

    name: str
    version: str
    chain_id: int
    contract: str


class Transfer(NamedTuple):
    """An EIP-3009 authorization: atomic units, Unix seconds, a 32-byte nonce."""

    payer: str
    to: str
    value: int
    valid_after: int
    valid_before: int
    nonce: bytes


@lru_cache(maxsize=256)
def domain_separator(domain: TokenDomain) -> bytes:
    """hashStruct of the domain, kept: it never changes for a token, and it is half the work of a digest."""
    return keccak(
        _DOMAIN_TYPE
        + keccak(domain.name.encode())
        + keccak(domain.version.encode())
        + word(domain.chain_id)
        + word(domain.contract)
    )


@lru_cache(maxsize=64)
def authorization_digest(domain: TokenDomain, transfer: Transfer, type_hash: bytes = TRANSFER_TYPE) -> bytes:
    """What the payer signs (EIP-3009, EIP-712): `TRANSFER_TYPE`, or `RECEIVE_TYPE` when only the payee may submit."""
    struct = keccak(
        type_hash
        + word(transfer.payer)
        + word(transfer.to)
        + word(transfer.value)
        + word(transfer.valid_after)
        + word(transfer.valid_before)
        + transfer.nonce
    )
    return keccak(b"\x19\x01" + domain_separator(domain) + struct)


def cancellation_digest(domain: TokenDomain, authorizer: str, nonce: bytes) -> bytes:
    """What the payer signs (EIP-3009, EIP-712) so that an unused authorization can never be used."""
    struct = keccak(CANCEL_TYPE + word(authorizer) + nonce)
    return keccak(b"\x19\x01" + domain_separator(domain) + struct)


def typed_digest(
    domain: Mapping[str, Any], primary: str, fields: Mapping[str, str], message: Mapping[str, Any]
) -> bytes:
    """The digest of a flat EIP-712 struct, of the types in `_WORDS`; the domain has any of `_DOMAIN_FIELDS`.

    Raises KeyError for a type or a member that is missing, ValueError or OverflowError for a value of another type.
    """
    given = {name: kind for name, kind in _DOMAIN_FIELDS.items() if name in domain}
    separator = _struct("EIP712Domain", tuple(given.items()), tuple(domain[name] for name in given))
    struct = _hash_struct(primary, tuple(fields.items()), [message[name] for name in fields])
    return keccak(b"\x19\x01" + separator + struct)


def _hash_struct(primary: str, fields: tuple[tuple[str, str], ...], values: Iterable[Any]) -> bytes:
    words = (_WORDS[kind](value) for (_, kind), value in zip(fields, values, strict=True))
    return keccak(_type_hash(primary, fields) + b"".join(words))


@lru_cache(maxsize=256)
def _struct(primary: str, fields: tuple[tuple[str, str], ...], values: tuple[Any, ...]) -> bytes:
    """As `_hash_struct`, kept: for what is the same in a thousand signatures."""
    return _hash_struct(primary, fields, values)


@lru_cache(maxsize=256)
def _type_hash(primary: str, fields: tuple[tuple[str, str], ...]) -> bytes:
    return keccak(f"{primary}({','.join(f'{kind} {name}' for name, kind in fields)})".encode())


def order_nonce(order_id: str) -> bytes:
    """The nonce that the delegate wallet's payout and refund of one order share: keccak256 of the id in UTF-8."""
    return keccak(order_id.encode())


def word(value: str | int) -> bytes:
    """An address (0x-hex) or an unsigned integer as a 32-byte word of the ABI."""
    return value.to_bytes(32, "big") if isinstance(value, int) else bytes.fromhex(value[2:]).rjust(32, b"\0")


def _address(value: str) -> bytes:
    if len(value) != 42:
        raise ValueError(f"an address has 20 bytes in 0x-hex: {value!r}")
    return word(value)


def _bytes32(value: bytes | str) -> bytes:
    whole = bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else value
    if len(whole) != 32:
        raise ValueError(f"bytes32 has 32 bytes, and this value {len(whole)}")
    return whole


_WORDS: dict[str, Callable[[Any], bytes]] = {
    "uint256": word,
    "address": _address,
    "bytes32": _bytes32,
    "bytes": keccak,
    "string": lambda value: keccak(value.encode()),
}
_DOMAIN_FIELDS = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address"}
