"""ABI encoding of the few contract calls that we make, and reading what comes back."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from eth_abi.abi import encode
from eth_abi.exceptions import DecodingError
from eth_abi.grammar import parse
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address

from protocol.abi import values_in
from protocol.hashing import keccak
from protocol.payment import PERMIT2
from protocol.signatures import checksummed
from protocol.typed_data import Transfer
from server.domain.plain_text import one_line

_TRANSFER_ARGUMENTS = "address,address,uint256,uint256,uint256,bytes32"
_VRS = "uint8,bytes32,bytes32"
_EIP3009_PULL = f"address,address,address,uint256,uint256,uint256,bytes32,{_VRS}"
_PERMIT2_PULL = "address,address,address,address,uint256,uint256,uint256,bytes"
_ERROR_TEXT = keccak(b"Error(string)")[:4]
_PANIC = keccak(b"Panic(uint256)")[:4]
MOST_DATA = 8192
"""Bytes of a log or a revert that are read: its contract may be a stranger's, and reading them takes our time."""
MOST_WORDS = 300
"""Characters in which a revert is told."""


def encode_call(signature: str, *values: Any) -> bytes:
    """Selector and arguments of a function such as `transfer(address,uint256)` with flat argument types."""
    name_end = signature.index("(")
    types = [kind for kind in signature[name_end + 1 : -1].split(",") if kind]
    return keccak(signature.encode())[:4] + encode(types, values)


def balance_of(address: str) -> bytes:
    return encode_call("balanceOf(address)", address)


def authorization_state(payer: str, nonce: bytes) -> bytes:
    return encode_call("authorizationState(address,bytes32)", payer, nonce)


def nonce_bitmap(owner: str, nonce: bytes) -> bytes:
    """Permit2's word of 256 nonces in which this one has a bit."""
    return encode_call("nonceBitmap(address,uint256)", owner, int.from_bytes(nonce, "big") >> 8)


def allowance(owner: str, spender: str) -> bytes:
    return encode_call("allowance(address,address)", owner, spender)


def transfer_with_authorization(transfer: Transfer, signature: bytes) -> bytes:
    """EIP-3009, with the v,r,s form that every such token has."""
    return encode_call(
        f"transferWithAuthorization({_TRANSFER_ARGUMENTS},{_VRS})", *transfer, *split_signature(signature)
    )


class SignedCalldata(NamedTuple):
    """An action that the payer chose and signed until `deadline` (Unix seconds)."""

    calldata: bytes
    deadline: int
    signature: bytes


def spent_eip3009(
    asset: str, beneficiary: str, payout: Transfer, signature: bytes, chosen: SignedCalldata | None = None
) -> bytes:
    """An entry of a GOAT-shaped callback: the base one, or with what the payer has chosen.

    `payout` is the delegate wallet's authorization to the contract; its nonce is the order's id there.
    """
    pull = (asset, beneficiary, *payout[:1], *payout[2:], *split_signature(signature))
    return _spent("x402SpentEip3009", _EIP3009_PULL, pull, payout.nonce, chosen)


class Permit2Pull(NamedTuple):
    """The delegate wallet's permit for a contract to take exactly `amount` atomic units until `deadline`."""

    token: str
    owner: str
    amount: int
    nonce: int
    deadline: int


def spent_permit2(beneficiary: str, pull: Permit2Pull, signature: bytes, chosen: SignedCalldata | None = None) -> bytes:
    """The same for a token without EIP-3009."""
    token, *rest = pull
    values = (PERMIT2, token, beneficiary, *rest, signature)
    return _spent("x402SpentPermit2", _PERMIT2_PULL, values, pull.nonce.to_bytes(32, "big"), chosen)


def _spent(name: str, kinds: str, pull: tuple[Any, ...], order_id: bytes, chosen: SignedCalldata | None) -> bytes:
    if chosen is None:
        return encode_call(f"{name}({kinds})", *pull)
    order = (chosen.calldata, order_id, int.from_bytes(order_id, "big"), chosen.deadline)
    kinds += f",bytes,bytes32,uint256,uint256,{_VRS}"
    return encode_call(f"{name}WithCalldata({kinds})", *pull, *order, *split_signature(chosen.signature))


def split_signature(signature: bytes) -> tuple[int, bytes, bytes]:
    """65 bytes r‖s‖v as (v, r, s)."""
    return signature[64], signature[:32], signature[32:64]


def one_word(data: bytes) -> int:
    """A single unsigned word, as most views return; empty data (no contract there) reads as zero."""
    return int.from_bytes(data[:32], "big")


def address_in(topic: bytes) -> str:
    """The address in a 32-byte topic."""
    return checksummed(topic[-20:])


class Event(NamedTuple):
    """A decoded log; bytes are 0x-hex, addresses checksummed, integers int, arrays and tuples lists of these."""

    name: str
    values: dict[str, Any]


def decode_event(abi: Sequence[dict[str, Any]], topics: Sequence[bytes], data: bytes) -> Event | None:
    """The event of `abi` that a log is; None where it is none, or not written as the ABI does: a stranger logged it.

    Of what has no fixed size an indexed topic holds only the hash, which is told as such.
    """
    if not topics or len(data) > MOST_DATA:
        return None
    entry = next((e for e in abi if e["type"] == "event" and keccak(_signature(e).encode()) == topics[0]), None)
    if entry is None:
        return None
    indexed = [item for item in entry["inputs"] if item["indexed"]]
    plain = [item for item in entry["inputs"] if not item["indexed"]]
    if len(indexed) != len(topics) - 1:
        return None
    try:
        found = {
            item["name"]: _values([_in_topic(item)], topic)[0] for item, topic in zip(indexed, topics[1:], strict=True)
        }
        found |= dict(zip([item["name"] for item in plain], _values(list(map(_kind, plain)), data), strict=True))
    except DecodingError:
        return None
    return Event(entry["name"], found)


def describe_revert(abi: Sequence[dict[str, Any]], data: bytes) -> str:
    """Revert data in one line: a custom error of `abi` with its values, a reason, or a panic code; in hex else."""
    try:
        if data[:4] == _ERROR_TEXT:
            return one_line(values_in(["string"], data[4 : 4 + MOST_DATA])[0], MOST_WORDS)
        if data[:4] == _PANIC:
            return f"Panic({one_word(data[4:])})"
        for entry in abi:
            if entry["type"] == "error" and keccak(_signature(entry).encode())[:4] == data[:4]:
                kinds = list(map(_kind, entry["inputs"]))
                values = values_in(kinds, data[4 : 4 + MOST_DATA])
                told = ", ".join(_told(abi, value, kind) for value, kind in zip(values, kinds, strict=True))
                return one_line(f"{entry['name']}({told})", MOST_WORDS)
    except DecodingError:
        pass
    return f"0x{data[:36].hex()}" if data else "reverted without a reason"


def _told(abi: Sequence[dict[str, Any]], value: Any, kind: str) -> str:
    """An argument of an error; of a word that is the beginning of another error, which one."""
    inner = next((e for e in abi if e["type"] == "error" and _begins(e, value, kind)), None)
    return f"{inner['name']}(…)" if inner else str(_plain(value, kind))


def _begins(entry: dict[str, Any], value: Any, kind: str) -> bool:
    return kind == "bytes32" and keccak(_signature(entry).encode())[:4] == value[:4]


def _signature(entry: dict[str, Any]) -> str:
    return f"{entry['name']}({','.join(map(_kind, entry['inputs']))})"


def _kind(item: dict[str, Any]) -> str:
    """The type of a member of an ABI's entry, as its signature spells it."""
    return str(collapse_if_tuple(item))


def _in_topic(item: dict[str, Any]) -> str:
    kind = _kind(item)
    return "bytes32" if kind in ("string", "bytes") or kind[-1] in ")]" else kind


def _values(kinds: list[str], data: bytes) -> list[Any]:
    return [_plain(value, kind) for value, kind in zip(values_in(kinds, data), kinds, strict=True)]


def _plain(value: Any, kind: str) -> Any:
    if isinstance(value, tuple):
        whole = parse(kind)
        inner = [whole.item_type] * len(value) if whole.is_array else whole.components
        return [_plain(one, each.to_type_str()) for one, each in zip(value, inner, strict=True)]
    if kind == "address":
        return to_checksum_address(value)
    return "0x" + value.hex() if isinstance(value, bytes) else value
