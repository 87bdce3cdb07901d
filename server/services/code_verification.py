"""On sale: whether the code at an address is what a compiler made of given sources."""

import hashlib
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from protocol.hashing import keccak
from server.services.arguments import Address, checksummed
from server.services.contract_risk import Bytecode, code_at
from server.services.service import Answer, Context, Service, ServiceError, json_answer
from server.services.solc_metadata import Metadata, split

MOST_IMMUTABLES = 64
MOST_METADATA = 120_000
"""Characters."""
IPFS_BLOCK = 262_144
PROXY = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
PROXY_CODE = (
    "0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0"
    "3601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
)
"""The deterministic deployment proxy, which stands at the same address of nearly every chain."""

Verdict = Literal["exact", "other metadata", "different"]


class Immutable(Struct, forbid_unknown_fields=True):
    """Bytes that the constructor fills in, as solc's `immutableReferences` name them: zero in what it compiled."""

    start: Annotated[int, Meta(ge=0, le=1 << 20)]
    length: Annotated[int, Meta(ge=1, le=32)]


class VerificationArguments(Struct, forbid_unknown_fields=True):
    """The runtime code that your compiler made (`deployedBytecode`), or the metadata file that it wrote, or both."""

    address: Address
    bytecode: Bytecode | UnsetType = UNSET
    immutables: Annotated[list[Immutable], Meta(max_length=MOST_IMMUTABLES)] = field(default_factory=list)
    metadata: Annotated[str, Meta(min_length=2, max_length=MOST_METADATA, description="Byte for byte.")] | UnsetType = (
        UNSET
    )

    def __post_init__(self) -> None:
        checksummed(self.address)
        if self.bytecode is UNSET and self.metadata is UNSET:
            raise ValueError("give bytecode, metadata or both")
        if self.immutables and self.bytecode is UNSET:
            raise ValueError("immutables: they are places in bytecode, which is not given")


class Filled(Struct):
    """What the deployed code has in the place of an immutable, 0x-hex."""

    start: int
    length: int
    value: str


class Comparison(Struct):
    """Given code beside deployed code, both without metadata and with immutables taken out.

    `verdict` is "exact" when every byte is the same, "other metadata" when only what solc appends differs: another
    source text, such as a comment, may have made the same code. `first_difference` is an offset, null where code is
    the same; `differing` counts bytes, with those that one has and the other has not.
    """

    verdict: Verdict
    first_difference: int | None
    differing: int
    given_hash: str
    given_metadata: Metadata | None
    immutables: list[Filled]


class VerificationReport(Struct):
    """`verified` is whether nothing that was given contradicts the deployed code: the comparison, if there is one, is
    not "different", and the metadata file, if given, is the one whose IPFS hash stands in the code.

    Hashes of code are keccak256, 0x-hex.
    """

    address: str
    verified: bool
    code_hash: str
    code_size: int
    metadata: Metadata | None
    comparison: Comparison | None
    metadata_matches: bool | None


async def run(arguments: VerificationArguments, context: Context) -> Answer:
    """Raises ServiceError for an address without code (404), and for immutables outside the code or not zero there."""
    address = checksummed(arguments.address)
    deployed = await code_at(address, context)
    _, appended = split(deployed)
    comparison, matches = None, None
    if isinstance(arguments.bytecode, str):
        comparison = compared(bytes.fromhex(arguments.bytecode[2:]), deployed, arguments.immutables)
    if isinstance(arguments.metadata, str):
        named = appended.hash if appended and appended.hash_kind == "ipfs" else None
        matches = "0x" + ipfs_hash(arguments.metadata.encode()).hex() == named
    return json_answer(
        VerificationReport(
            address=address,
            verified=matches is not False and (comparison is None or comparison.verdict != "different"),
            code_hash=_hash(deployed),
            code_size=len(deployed),
            metadata=appended,
            comparison=comparison,
            metadata_matches=matches,
        )
    )


def compared(given: bytes, deployed: bytes, immutables: list[Immutable]) -> Comparison:
    """What differs, byte by byte. Raises ServiceError for immutables outside the given code, or not zero in it."""
    filled: list[Filled] = []
    masked = bytearray(deployed)
    body, appended = split(given)
    for one in immutables:
        end = one.start + one.length
        if end > len(body) or any(body[one.start : end]):
            raise ServiceError(f"immutables: {one.length} bytes from {one.start} on are not zeros of the given code")
        filled.append(Filled(one.start, one.length, "0x" + deployed[one.start : end].hex()))
        masked[one.start : end] = bytes(len(masked[one.start : end]))
    there, _ = split(bytes(masked))
    places = [at for at in range(max(len(body), len(there))) if body[at : at + 1] != there[at : at + 1]]
    verdict: Verdict = "different" if places else "exact" if given == masked else "other metadata"
    first = places[0] if places else None
    return Comparison(verdict, first, len(places), _hash(given), appended, filled)


def ipfs_hash(content: bytes) -> bytes:
    """The multihash of a file in IPFS (CIDv0): SHA-256 of its only block. Raises ServiceError where it takes more.

    Formats: UnixFS 1.0 (`Data`: Type File, Data, filesize) in DAG-PB (`PBNode`: Data), each a protocol buffer.
    """
    if len(content) > IPFS_BLOCK:
        raise ServiceError(f"metadata: it has more than {IPFS_BLOCK} bytes, so IPFS would keep it in parts")
    size = _varint(len(content))
    file = b"\x08\x02\x12" + size + content + b"\x18" + size
    return b"\x12\x20" + hashlib.sha256(b"\x0a" + _varint(len(file)) + file).digest()


def _varint(number: int) -> bytes:
    low, more = number & 127, number >> 7
    return bytes([low | 128]) + _varint(more) if more else bytes([low])


def _hash(code: bytes) -> str:
    return "0x" + bytes(keccak(code)).hex()


SERVICE = Service(
    slug="code-verification",
    title="Code verification",
    summary="Whether the code at an address is what your compiler made: compared by byte, and with the metadata file.",
    kind="security API",
    unit="verification",
    amount=30_000,
    method="POST",
    arguments=VerificationArguments,
    answers=VerificationReport,
    example={"address": PROXY, "bytecode": PROXY_CODE},
    run=run,
    tags=("security", "verification", "bytecode", "solc"),
)
