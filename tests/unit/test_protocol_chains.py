"""W11: chains that name their first bad entry, and Merkle trees as OpenZeppelin's MerkleProof reads them."""

from dataclasses import replace
from itertools import combinations

import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from protocol.chains import (
    GENESIS,
    LINK_TAG,
    Entry,
    content_hash,
    entry,
    is_proven,
    leaf,
    link_of,
    merkle_proof,
    merkle_root,
    stream_of,
    verify_chain,
)

hashes = st.binary(min_size=32, max_size=32)
contents = st.lists(hashes, min_size=1, max_size=24, unique=True)


def chain(contents: list[bytes], merchant: str = "shop") -> list[Entry]:
    made, previous = [], GENESIS
    for index, content in enumerate(contents):
        made.append(entry(merchant, index, previous, content))
        previous = made[-1].link
    return made


CHAIN = chain([keccak(bytes([n])) for n in range(9)])
every_entry = pytest.mark.parametrize("at", range(len(CHAIN)))


def first_bad(entries: list[Entry]) -> int | None:
    bad = verify_chain("shop", entries)
    return bad.index if bad else None


# ------------------------------------------------------------------------------------------------------------ chains


def test_a_link_is_the_hash_of_tag_merchant_index_previous_link_and_content():
    words = [LINK_TAG, keccak(b"shop"), (7).to_bytes(32, "big"), b"p" * 32, b"c" * 32]
    assert link_of("shop", 7, b"p" * 32, b"c" * 32) == keccak(b"".join(words))
    assert stream_of("shop") == keccak(b"shop")
    assert content_hash(b"d" * 32, b"signature") == keccak(b"d" * 32 + keccak(b"signature"))


@given(contents)
def test_an_honest_chain_is_good(found):
    assert verify_chain("shop", chain(found)) is None


def test_an_honest_part_of_a_chain_is_good_after_the_link_before_it():
    assert verify_chain("shop", CHAIN[4:], 4, CHAIN[3].link) is None
    assert verify_chain("shop", CHAIN[4:], 4, CHAIN[2].link).index == 4
    assert verify_chain("shop", []) is None


@every_entry
@pytest.mark.parametrize("field", ["previous", "content", "link"])
def test_w11_an_edited_entry_is_named(at, field):
    value = getattr(CHAIN[at], field)
    edited = replace(CHAIN[at], **{field: value[:-1] + bytes([value[-1] ^ 1])})
    assert first_bad([*CHAIN[:at], edited, *CHAIN[at + 1 :]]) == at


@every_entry
def test_w11_an_entry_that_was_edited_and_linked_anew_breaks_the_next(at):
    forged = entry("shop", at, CHAIN[at].previous, keccak(b"forged"))
    assert first_bad([*CHAIN[:at], forged, *CHAIN[at + 1 :]]) == (at + 1 if at + 1 < len(CHAIN) else None)


@every_entry
def test_w11_a_missing_entry_is_named(at):
    expected = at if at + 1 < len(CHAIN) else None  # a cut tail: the length shows it, see test_protocol_audits
    assert first_bad([*CHAIN[:at], *CHAIN[at + 1 :]]) == expected


@every_entry
def test_w11_a_repeated_entry_is_named(at):
    assert first_bad([*CHAIN[: at + 1], *CHAIN[at:]]) == at + 1


@pytest.mark.parametrize(("one", "other"), combinations(range(len(CHAIN)), 2))
def test_w11_exchanged_entries_are_named(one, other):
    swapped = list(CHAIN)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    assert first_bad(swapped) == one


@every_entry
def test_w11_entries_that_are_exchanged_with_their_numbers_are_named(at):
    other = (at + 1) % len(CHAIN)
    swapped = list(CHAIN)
    swapped[at], swapped[other] = replace(CHAIN[other], index=at), replace(CHAIN[at], index=other)
    assert first_bad(swapped) == min(at, other)


def test_w11_an_entry_of_another_merchants_chain_is_named():
    foreign = chain([one.content for one in CHAIN], "other")
    assert first_bad(foreign) == 0
    assert first_bad([*CHAIN[:5], *foreign[5:]]) == 5


@given(contents, st.data())
def test_w11_whatever_is_changed_the_first_changed_place_is_named(found, data):
    entries = chain(found)
    at = data.draw(st.integers(0, len(entries) - 1))
    kind = data.draw(st.sampled_from(["drop", "repeat", "content", "previous", "link", "index"]))
    if kind == "drop":
        changed = entries[:at] + entries[at + 1 :]
    elif kind == "repeat":
        changed = entries[: at + 1] + entries[at:]
    else:
        new = data.draw(st.integers(0, 2**64) if kind == "index" else hashes)
        changed = [*entries[:at], replace(entries[at], **{kind: new}), *entries[at + 1 :]]
    different = [n for n, (a, b) in enumerate(zip(entries, changed, strict=False)) if a != b]
    expected = different[0] if different else None
    assert first_bad(changed) == (len(entries) if kind == "repeat" and expected is None else expected)


# ------------------------------------------------------------------------------------------------------ Merkle trees

LINKS = [keccak(n.to_bytes(32, "big")) for n in range(5)]


def test_the_tree_is_the_one_of_the_contracts_suite():
    """The same links and root as in W11_ProofAnchor.t.sol, where the Solidity verifies it."""
    assert merkle_root(LINKS).hex() == "3cf3b979bfc72a162d8e5b43c8f1202b4cdd81a17458c3b52a9d111f1d6bbe36"


def test_a_tree_by_hand():
    a, b, c = (keccak(keccak(link)) for link in LINKS[:3])
    pair = keccak(min(a, b) + max(a, b))
    root = keccak(min(pair, c) + max(pair, c))
    assert merkle_root(LINKS[:3]) == root
    assert merkle_proof(LINKS[:3], 0) == [b, c]
    assert merkle_proof(LINKS[:3], 2) == [pair]
    assert merkle_root(LINKS[:1]) == a
    assert merkle_proof(LINKS[:1], 0) == []


@given(st.lists(hashes, min_size=1, max_size=70, unique=True), hashes)
def test_every_link_of_a_tree_is_proven_and_no_other(links, foreign):
    root = merkle_root(links)
    for position, link in enumerate(links):
        proof = merkle_proof(links, position)
        assert is_proven(root, link, proof)
        assert not is_proven(root, links[position - 1], proof) or len(links) == 1
        assert foreign in links or not is_proven(root, foreign, proof)
        assert not is_proven(keccak(root), link, proof)


@given(st.lists(hashes, min_size=2, max_size=40, unique=True))
def test_w11_an_inner_node_is_never_taken_for_a_link(links):
    root = merkle_root(links)
    assert not is_proven(root, root, [])
    for position, link in enumerate(links):
        proof = merkle_proof(links, position)
        node = leaf(link)
        for height, sibling in enumerate(proof):
            assert not is_proven(root, node, proof[height:])
            node = keccak(min(node, sibling) + max(node, sibling))


@given(st.lists(hashes, min_size=1, max_size=40, unique=True), st.data())
def test_w11_a_root_changes_with_every_link_and_with_their_number(links, data):
    position = data.draw(st.integers(0, len(links) - 1))
    changed = [*links[:position], keccak(links[position]), *links[position + 1 :]]
    assert merkle_root(changed) != merkle_root(links)
    assert merkle_root([*links, keccak(links[-1])]) != merkle_root(links)
    assert merkle_root([*links, links[-1]]) != merkle_root(links)
