// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

/// @title Roots of hash-chained receipts, so that nobody, their publisher included, can change or drop one later.
/// @notice Anyone anchors for himself: the publisher is the caller, and nothing he does touches another's streams.
/// A stream is a chain of entries, counted from 0. Each batch begins where the one before ended and is anchored once,
/// so there is one history of a stream, and its length is known to everybody.
/// @dev The contract cannot see the entries: that `head` is the last of them, and that they are chained, is checked
/// off chain. Holds no money, has no owner. A later batch of a stream costs less than 60k gas: two slots change, one is new.
contract ProofAnchor {
    /// @dev `next` and `batches` share a slot: they change together.
    struct Stream {
        uint128 next;
        uint128 batches;
        bytes32 head;
        mapping(uint256 batch => bytes32 root) roots;
    }

    mapping(address publisher => mapping(bytes32 stream => Stream)) private _streams;

    /// @notice Entries `fromIndex` to `toIndex` of the publisher's stream have this Merkle root; `head` is the last link.
    event Anchored(
        address indexed publisher,
        bytes32 indexed stream,
        uint256 fromIndex,
        uint256 toIndex,
        bytes32 root,
        bytes32 head
    );

    /// @notice The batch does not begin where the stream ends: a gap if `given` is above `expected`, else an overlap.
    error IndexUnexpected(uint256 expected, uint256 given);
    /// @notice The batch ends before it begins.
    error BatchEmpty(uint256 from, uint256 to);
    /// @notice No stream is that long.
    error IndexTooHigh(uint256 to);
    /// @notice A zero root would look like a batch that is not there.
    error RootMissing();

    /// @notice Anchor the next batch of one of the caller's streams.
    /// @param stream which of them; Paddock takes keccak256 of the merchant's id
    /// @param from the first entry's index: what the stream's length was before
    /// @param to the last entry's index
    /// @param root of the Merkle tree over the entries' links, as {verify} reads it
    /// @param head the link of the last entry
    /// @return batch its number, from 0
    function anchor(bytes32 stream, uint256 from, uint256 to, bytes32 root, bytes32 head)
        external
        returns (uint256 batch)
    {
        Stream storage own = _streams[msg.sender][stream];
        require(from == own.next, IndexUnexpected(own.next, from));
        require(from <= to, BatchEmpty(from, to));
        require(to < type(uint128).max, IndexTooHigh(to));
        require(root != 0, RootMissing());
        batch = own.batches;
        unchecked {
            (own.next, own.batches) = (uint128(to + 1), uint128(batch + 1));
        }
        own.head = head;
        own.roots[batch] = root;
        emit Anchored(msg.sender, stream, from, to, root, head);
    }

    /// @notice How long a stream is, in how many batches, and its last link; all zero where nothing was anchored.
    function streamOf(address publisher, bytes32 stream)
        external
        view
        returns (uint256 next, uint256 batches, bytes32 head)
    {
        Stream storage found = _streams[publisher][stream];
        return (found.next, found.batches, found.head);
    }

    /// @notice The root of a batch; zero where that batch was not anchored.
    function rootOf(address publisher, bytes32 stream, uint256 batch) external view returns (bytes32) {
        return _streams[publisher][stream].roots[batch];
    }

    /// @notice Whether an entry is in the tree of that root.
    /// @dev The entry is hashed twice here, by which an inner node of the tree can never pass for an entry.
    /// @param root of a batch; compare it with {rootOf}
    /// @param leaf the entry's link, as it is
    /// @param proof the siblings from the leaf up; pairs are hashed in sorted order
    function verify(bytes32 root, bytes32 leaf, bytes32[] calldata proof) external pure returns (bool) {
        bytes32 hashed = keccak256(bytes.concat(keccak256(bytes.concat(leaf))));
        return MerkleProof.verifyCalldata(proof, root, hashed);
    }
}
