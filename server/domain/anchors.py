"""Entries of receipt chains as they are kept, the batches that anchor them, and ProofAnchor's calls."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from protocol.abi import values_in
from protocol.chains import stream_of
from protocol.hashing import keccak
from server.domain.calls import encode_call, one_word
from server.domain.evidence import Mined, topic

ANCHORED = keccak(b"Anchored(address,bytes32,uint256,uint256,bytes32,bytes32)")
INDEX_UNEXPECTED = keccak(b"IndexUnexpected(uint256,uint256)")[:4]


class Kind(StrEnum):
    """What an entry states of its order."""

    RECEIPT = "receipt"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Chained:
    """An entry of a merchant's chain; hashes as in `protocol.chains`. `revocation` is the signed statement (JSON)."""

    merchant: str
    index: int
    kind: Kind
    order_id: str
    previous: bytes
    content: bytes
    link: bytes
    appended_at: datetime
    revocation: bytes | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """Where roots are anchored, and by whose key; another one of these begins at the chain's first entry again."""

    network: str
    contract: str
    publisher: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """One batch: the entries `first` to `last`, their Merkle root, the last link; `block` once that is final."""

    site: Site
    merchant: str
    batch: int
    first: int
    last: int
    root: bytes
    head: bytes
    transaction: str
    block: int | None = None

    def call(self) -> bytes:
        """What is sent to ProofAnchor."""
        values = (stream_of(self.merchant), self.first, self.last, self.root, self.head)
        return encode_call("anchor(bytes32,uint256,uint256,bytes32,bytes32)", *values)

    def is_in(self, mined: Mined) -> bool:
        """Whether the contract says in that chain transaction that it keeps exactly this batch."""
        topics = (ANCHORED, topic(self.site.publisher), stream_of(self.merchant))
        data = self.first.to_bytes(32, "big") + self.last.to_bytes(32, "big") + self.root + self.head
        logs = ((log.address, log.topics, log.data) for log in mined.logs)
        return mined.succeeded and (self.site.contract, topics, data) in logs


def root_of(publisher: str, merchant: str, batch: int) -> bytes:
    """The call that reads a batch's root; its answer is 32 bytes, zero where there is no such batch."""
    return encode_call("rootOf(address,bytes32,uint256)", publisher, stream_of(merchant), batch)


def stream_call(publisher: str, merchant: str) -> bytes:
    """The call that reads a stream's length and head; read its answer by `read_stream`."""
    return encode_call("streamOf(address,bytes32)", publisher, stream_of(merchant))


def read_stream(answer: bytes) -> tuple[int, bytes]:
    """Length and head of a stream. Raises DecodingError for what no ProofAnchor answers."""
    length, _batches, head = values_in(["uint256", "uint256", "bytes32"], answer)
    return length, head


def expected_index(revert: bytes) -> int | None:
    """How long the contract's stream is, if it refused a batch because of that."""
    return one_word(revert[4:36]) if revert[:4] == INDEX_UNEXPECTED else None
