"""Chains of receipts: what links an entry to the one before, the Merkle tree over a batch, and who finds a bad one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from protocol.hashing import keccak

LINK_TAG = keccak(b"Paddock receipt chain, link, version 1")
GENESIS = b"\0" * 32
"""What the first entry of every chain has for its previous link."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a merchant's chain. `content` is `content_hash` of what was signed; hashes have 32 bytes."""

    index: int
    previous: bytes
    content: bytes
    link: bytes


@dataclass(frozen=True, slots=True)
class Bad:
    """The first place at which a chain is not what it should be."""

    index: int
    why: str


def stream_of(merchant: str) -> bytes:
    """The merchant's id hashed: what its entries and its stream in ProofAnchor carry."""
    return keccak(merchant.encode())


def content_hash(digest: bytes, signature: bytes) -> bytes:
    """What an entry holds of a signed statement: its EIP-712 digest, which names its kind, and who signed it how."""
    return keccak(digest + keccak(signature))


def link_of(merchant: str, index: int, previous: bytes, content: bytes) -> bytes:
    """keccak256 over tag, merchant, index, previous link and content, 32 bytes each: one change changes all later."""
    return keccak(LINK_TAG + stream_of(merchant) + index.to_bytes(32, "big") + previous + content)


def entry(merchant: str, index: int, previous: bytes, content: bytes) -> Entry:
    """The entry that follows `previous`."""
    return Entry(index, previous, content, link_of(merchant, index, previous, content))


def verify_chain(merchant: str, entries: Iterable[Entry], first: int = 0, previous: bytes = GENESIS) -> Bad | None:
    """The first entry that is edited, missing, repeated or out of its place; None if all follow from `previous`.

    A tail that was cut off leaves a good chain: only a length from elsewhere, such as an anchor, shows it.
    """
    for index, found in enumerate(entries, first):
        if found.index != index:
            return Bad(index, f"entry {found.index} stands in its place")
        if found.previous != previous:
            return Bad(index, "it does not follow the entry before it")
        if found.link != link_of(merchant, index, previous, found.content):
            return Bad(index, "its link does not follow from what it holds")
        previous = found.link
    return None


# ------------------------------------------------------------------------------------------------------ Merkle trees


def leaf(link: bytes) -> bytes:
    """Hashed twice, so that no inner node, which is hashed once, can pass for a leaf."""
    return keccak(keccak(link))


def merkle_root(links: Sequence[bytes]) -> bytes:
    """The root over at least one link: sorted pairs as in OpenZeppelin's MerkleProof; an odd node goes up as it is."""
    layer = [leaf(link) for link in links]
    while len(layer) > 1:
        layer = _above(layer)
    return layer[0]


def merkle_proof(links: Sequence[bytes], position: int) -> list[bytes]:
    """The siblings of one link's leaf, from below."""
    layer, proof = [leaf(link) for link in links], []
    while len(layer) > 1:
        if position ^ 1 < len(layer):
            proof.append(layer[position ^ 1])
        layer, position = _above(layer), position // 2
    return proof


def is_proven(root: bytes, link: bytes, proof: Iterable[bytes]) -> bool:
    """Whether a link is in the tree of that root, as `ProofAnchor.verify` says it."""
    node = leaf(link)
    for sibling in proof:
        node = _pair(node, sibling)
    return node == root


def _above(layer: Sequence[bytes]) -> list[bytes]:
    pairs = [_pair(*layer[at : at + 2]) for at in range(0, len(layer) - 1, 2)]
    return pairs + list(layer[-1:] if len(layer) % 2 else [])


def _pair(one: bytes, other: bytes) -> bytes:
    return keccak(min(one, other) + max(one, other))
