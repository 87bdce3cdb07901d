"""What the stub reads out of signed transactions and calls: who sends, and which payments by EIP-3009 are in them."""

from dataclasses import dataclass

import rlp  # type: ignore[import-untyped]

from protocol.hashing import keccak
from protocol.signatures import checksummed, recover
from server.domain.calls import address_in

_TRANSFER = "transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,"
TRANSFERS = tuple(keccak(f"{_TRANSFER}{end}".encode())[:4] for end in ("uint8,bytes32,bytes32)", "bytes)"))
"""The token's two forms; their first six words are the same."""
BATCH = keccak(b"settle(address,uint256,bytes)")[:4]
HEAD, VRS = 102, 65
"""Bytes of an item of BatchSettler's up to its signature, and of that."""


@dataclass(frozen=True, slots=True)
class Moved:
    """One authorization: atomic units of the token, from a payer to a payee."""

    payer: str
    to: str
    value: int
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Sent:
    """A signed transaction."""

    hash: str
    sender: str
    nonce: int
    to: str
    data: bytes


def sent(raw: bytes) -> Sent:
    """A transaction as EIP-1559 has it, or a legacy one with its chain's id (EIP-155)."""
    if raw[0] == 2:
        fields = rlp.decode(raw[1:])
        digest = keccak(raw[:1] + rlp.encode(fields[:9]))
        odd, (r, s) = int.from_bytes(fields[9], "big"), fields[10:12]
        nonce, to, data = fields[1], fields[5], fields[7]
    else:
        fields = rlp.decode(raw)
        chain_id, odd = divmod(int.from_bytes(fields[6], "big") - 35, 2)
        digest = keccak(rlp.encode([*fields[:6], chain_id.to_bytes(8, "big").lstrip(b"\0"), b"", b""]))
        r, s = fields[7:9]
        nonce, to, data = fields[0], fields[3], fields[5]
    signature = r.rjust(32, b"\0") + s.rjust(32, b"\0") + bytes([27 + odd])
    sender = recover(digest, signature)
    return Sent("0x" + keccak(raw).hex(), sender, int.from_bytes(nonce, "big"), checksummed(to) if to else "", data)


def payments(data: bytes) -> list[Moved]:
    """Those that a call moves, of the token or of BatchSettler; empty for any other call."""
    if data[:4] in TRANSFERS:
        payer, to, value, _, _, nonce = words(data[4:], 6)
        return [Moved(address_in(payer), address_in(to), int.from_bytes(value, "big"), nonce)]
    if data[:4] != BATCH:
        return []
    length = int.from_bytes(data[100:132], "big")
    items = data[132 : 132 + length]
    return [item(items[at : at + HEAD]) for at in range(0, length, HEAD + VRS)]


def item(packed: bytes) -> Moved:
    """An item as BatchSettler documents it."""
    return Moved(
        checksummed(packed[:20]), checksummed(packed[20:40]), int.from_bytes(packed[40:56], "big"), packed[68:100]
    )


def words(data: bytes, count: int) -> list[bytes]:
    """So many of 32 bytes."""
    return [data[at : at + 32] for at in range(0, 32 * count, 32)]
