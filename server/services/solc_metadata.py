"""The CBOR map that solc appends to runtime code: which compiler, and the hash of the metadata file."""

from msgspec import Struct

_NAMES = {"ipfs", "bzzr0", "bzzr1", "solc", "experimental"}


class Metadata(Struct):
    """What the appended map says. `size` counts bytes, its two length bytes included; `hash` is as it stands there."""

    size: int
    compiler: str | None = None
    hash_kind: str | None = None
    hash: str | None = None


def split(code: bytes) -> tuple[bytes, Metadata | None]:
    """Code without its metadata, and the metadata; the code unchanged and None when it ends in no such map.

    Format: docs.soliditylang.org, "Encoding of the Metadata Hash in the Bytecode": a CBOR map, then its length in
    two bytes, big-endian.
    """
    length = int.from_bytes(code[-2:], "big")
    if len(code) < length + 2 or length == 0:
        return code, None
    try:
        members = _read_map(code[-2 - length : -2])
    except (ValueError, IndexError):
        return code, None
    if not members or not members.keys() <= _NAMES:
        return code, None
    kind = next((name for name in ("ipfs", "bzzr1", "bzzr0") if isinstance(members.get(name), bytes)), None)
    digest = members[kind] if kind else None
    return code[: -2 - length], Metadata(
        size=length + 2,
        compiler=_version(members.get("solc")),
        hash_kind=kind,
        hash="0x" + digest.hex() if isinstance(digest, bytes) else None,
    )


def _version(value: bytes | str | bool | None) -> str | None:
    """A release is three bytes, 0.8.28; anything else is the whole version in text."""
    if isinstance(value, bytes) and len(value) == 3:
        return ".".join(str(part) for part in value)
    return value if isinstance(value, str) else None


def _read_map(data: bytes) -> dict[str, bytes | str | bool]:
    """A CBOR map (RFC 8949) from text to text, bytes or booleans that fills `data`. Raises ValueError, IndexError."""
    if data[0] >> 5 != 5:
        raise ValueError("not a map")
    members: dict[str, bytes | str | bool] = {}
    at = 1
    for _ in range(data[0] & 31):
        name, at = _read_item(data, at)
        value, at = _read_item(data, at)
        if not isinstance(name, str) or name in members:
            raise ValueError("a key that is no text, or stands twice")
        members[name] = value
    if at != len(data):
        raise ValueError("bytes behind the map")
    return members


def _read_item(data: bytes, at: int) -> tuple[bytes | str | bool, int]:
    """One item and the offset behind it."""
    kind, size = data[at] >> 5, data[at] & 31
    at += 1
    if kind == 7 and size in (20, 21):
        return size == 21, at
    if size == 24:
        size, at = data[at], at + 1
    elif size > 24:
        raise ValueError("longer than metadata is")
    if kind not in (2, 3) or at + size > len(data):
        raise ValueError("neither text nor bytes, or cut off")
    raw = data[at : at + size]
    return (raw.decode() if kind == 3 else raw), at + size
