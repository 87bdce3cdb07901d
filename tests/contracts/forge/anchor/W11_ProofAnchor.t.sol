// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ProofAnchor} from "contracts/ProofAnchor.sol";
import {Make} from "../base/Make.sol";
import {vm} from "../base/Vm.sol";

/// @title ProofAnchor: one history for each publisher and stream, and a proof for each entry and for nothing else.
contract W11_ProofAnchorTest {
    bool public constant IS_TEST = true;

    bytes32 private constant STREAM = keccak256("merchant");
    bytes32 private constant ROOT = keccak256("root");
    bytes32 private constant HEAD = keccak256("head");
    address private constant STRANGER = address(0xbad);

    ProofAnchor private anchors;

    function setUp() public {
        anchors = ProofAnchor(Make.it("ProofAnchor"));
    }

    // ------------------------------------------------------------------------------------------------ the sequence

    function test_a_batch_is_kept_and_said() public {
        vm.expectEmit(address(anchors));
        emit ProofAnchor.Anchored(address(this), STREAM, 0, 6, ROOT, HEAD);
        vm.assertEq(anchors.anchor(STREAM, 0, 6, ROOT, HEAD), 0);
        vm.assertEq(anchors.rootOf(address(this), STREAM, 0), ROOT);
        _assertStream(address(this), 7, 1, HEAD);
    }

    function test_batches_follow_each_other() public {
        anchors.anchor(STREAM, 0, 6, ROOT, keccak256("first"));
        vm.assertEq(anchors.anchor(STREAM, 7, 7, keccak256("second root"), HEAD), 1);
        vm.assertEq(anchors.rootOf(address(this), STREAM, 0), ROOT);
        vm.assertEq(anchors.rootOf(address(this), STREAM, 1), keccak256("second root"));
        _assertStream(address(this), 8, 2, HEAD);
    }

    function test_a_gap_is_refused() public {
        vm.expectRevert(abi.encodeWithSelector(ProofAnchor.IndexUnexpected.selector, 0, 1));
        anchors.anchor(STREAM, 1, 2, ROOT, HEAD);
        anchors.anchor(STREAM, 0, 6, ROOT, HEAD);
        vm.expectRevert(abi.encodeWithSelector(ProofAnchor.IndexUnexpected.selector, 7, 8));
        anchors.anchor(STREAM, 8, 9, ROOT, HEAD);
    }

    function test_an_overlap_is_refused_and_so_is_the_same_batch_again() public {
        anchors.anchor(STREAM, 0, 6, ROOT, HEAD);
        vm.expectRevert(abi.encodeWithSelector(ProofAnchor.IndexUnexpected.selector, 7, 6));
        anchors.anchor(STREAM, 6, 9, ROOT, HEAD);
        vm.expectRevert(abi.encodeWithSelector(ProofAnchor.IndexUnexpected.selector, 7, 0));
        anchors.anchor(STREAM, 0, 6, keccak256("another history"), HEAD);
        vm.assertEq(anchors.rootOf(address(this), STREAM, 0), ROOT);
        _assertStream(address(this), 7, 1, HEAD);
    }

    function test_a_batch_that_ends_before_it_begins_is_refused() public {
        anchors.anchor(STREAM, 0, 6, ROOT, HEAD);
        vm.expectRevert(abi.encodeWithSelector(ProofAnchor.BatchEmpty.selector, 7, 6));
        anchors.anchor(STREAM, 7, 6, ROOT, HEAD);
    }

    function test_an_index_beyond_what_is_counted_is_refused() public {
        uint256 most = type(uint128).max;
        vm.expectRevert(abi.encodeWithSelector(ProofAnchor.IndexTooHigh.selector, most));
        anchors.anchor(STREAM, 0, most, ROOT, HEAD);
        vm.expectRevert(abi.encodeWithSelector(ProofAnchor.IndexTooHigh.selector, type(uint256).max));
        anchors.anchor(STREAM, 0, type(uint256).max, ROOT, HEAD);
        anchors.anchor(STREAM, 0, most - 1, ROOT, HEAD);
        _assertStream(address(this), most, 1, HEAD);
    }

    function test_a_zero_root_is_refused() public {
        vm.expectRevert(ProofAnchor.RootMissing.selector);
        anchors.anchor(STREAM, 0, 6, 0, HEAD);
    }

    function test_a_stranger_anchors_only_for_himself() public {
        anchors.anchor(STREAM, 0, 6, ROOT, HEAD);
        vm.prank(STRANGER);
        anchors.anchor(STREAM, 0, 1, keccak256("forged"), keccak256("forged head"));
        vm.assertEq(anchors.rootOf(address(this), STREAM, 0), ROOT);
        vm.assertEq(anchors.rootOf(STRANGER, STREAM, 0), keccak256("forged"));
        _assertStream(address(this), 7, 1, HEAD);
        vm.prank(STRANGER);
        vm.expectRevert(abi.encodeWithSelector(ProofAnchor.IndexUnexpected.selector, 2, 7));
        anchors.anchor(STREAM, 7, 8, keccak256("forged"), HEAD);
    }

    function test_streams_of_a_publisher_do_not_touch_each_other() public {
        anchors.anchor(STREAM, 0, 6, ROOT, HEAD);
        anchors.anchor(keccak256("another merchant"), 0, 0, keccak256("other"), keccak256("other head"));
        _assertStream(address(this), 7, 1, HEAD);
    }

    function test_what_was_not_anchored_is_zero() public view {
        vm.assertEq(anchors.rootOf(address(this), STREAM, 0), bytes32(0));
        _assertStream(address(this), 0, 0, 0);
    }

    function testFuzz_a_stream_grows_by_every_batch_and_by_nothing_else(uint8[12] memory sizes) public {
        uint256 next;
        for (uint256 i; i < sizes.length; ++i) {
            uint256 wrong = uint256(keccak256(abi.encode(sizes, i)));
            if (wrong != next) {
                vm.expectRevert(abi.encodeWithSelector(ProofAnchor.IndexUnexpected.selector, next, wrong));
                anchors.anchor(STREAM, wrong, wrong, ROOT, HEAD);
            }
            bytes32 root = keccak256(abi.encode(i));
            vm.assertEq(anchors.anchor(STREAM, next, next + sizes[i], root, root), i);
            next += uint256(sizes[i]) + 1;
            _assertStream(address(this), next, i + 1, root);
        }
        for (uint256 i; i < sizes.length; ++i) {
            vm.assertEq(anchors.rootOf(address(this), STREAM, i), keccak256(abi.encode(i)));
        }
    }

    // --------------------------------------------------------------------------------------------------- the tree

    function testFuzz_every_leaf_of_a_tree_verifies_and_no_other(bytes32 seed, uint8 size, bytes32 foreign)
        public
        view
    {
        uint256 count = uint256(size) % 40 + 1;
        bytes32[] memory links = _links(seed, count);
        bytes32 root = _root(links);
        for (uint256 i; i < count; ++i) {
            bytes32[] memory proof = _proof(links, i);
            vm.assertTrue(anchors.verify(root, links[i], proof));
            vm.assertFalse(anchors.verify(root, foreign, proof), "an entry that is not in the tree");
            vm.assertFalse(anchors.verify(keccak256(abi.encode(root)), links[i], proof), "another root");
            if (count > 1) vm.assertFalse(anchors.verify(root, links[(i + 1) % count], proof), "another's proof");
            for (uint256 j; j < proof.length; ++j) {
                proof[j] ^= bytes32(uint256(1));
                vm.assertFalse(anchors.verify(root, links[i], proof), "a changed sibling");
                proof[j] ^= bytes32(uint256(1));
            }
        }
    }

    function test_a_node_of_the_tree_is_never_a_leaf() public view {
        bytes32[] memory links = _links("seed", 8);
        bytes32[] memory layer = _leaves(links);
        bytes32 root = _root(links);
        bytes32[] memory none = new bytes32[](0);
        vm.assertFalse(anchors.verify(root, root, none), "the root itself");
        bytes32[] memory proof = _proof(links, 0);
        for (uint256 height; height < 3; ++height) {
            bytes32[] memory rest = new bytes32[](proof.length - height);
            for (uint256 j; j < rest.length; ++j) {
                rest[j] = proof[height + j];
            }
            vm.assertFalse(anchors.verify(root, layer[0], rest), "an inner node with the rest of a proof");
            layer = _above(layer);
        }
    }

    function test_two_children_joined_are_no_leaf_either() public view {
        bytes32[] memory links = _links("seed", 2);
        bytes32[] memory leaves = _leaves(links);
        bytes memory joined =
            leaves[0] < leaves[1] ? bytes.concat(leaves[0], leaves[1]) : bytes.concat(leaves[1], leaves[0]);
        vm.assertEq(_root(links), keccak256(joined));
        vm.assertFalse(anchors.verify(_root(links), keccak256(joined), new bytes32[](0)));
    }

    function test_the_only_entry_of_a_batch_needs_no_proof() public view {
        bytes32[] memory links = _links("seed", 1);
        vm.assertTrue(anchors.verify(_root(links), links[0], new bytes32[](0)));
        vm.assertFalse(anchors.verify(links[0], links[0], new bytes32[](0)), "a link as its own root");
    }

    /// @dev The same links, root and proof as in tests/unit/test_protocol_chains.py: both sides build one tree.
    function test_the_tree_is_the_one_that_the_marketplace_builds() public view {
        bytes32[] memory links = new bytes32[](5);
        for (uint256 i; i < 5; ++i) {
            links[i] = keccak256(abi.encode(i));
        }
        bytes32 root = 0x3cf3b979bfc72a162d8e5b43c8f1202b4cdd81a17458c3b52a9d111f1d6bbe36;
        vm.assertEq(_root(links), root);
        vm.assertTrue(anchors.verify(root, links[4], _proof(links, 4)));
    }

    // --------------------------------------------------------------------------------------------------- building

    function _links(bytes32 seed, uint256 count) private pure returns (bytes32[] memory links) {
        links = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            links[i] = keccak256(abi.encode(seed, i));
        }
    }

    function _leaves(bytes32[] memory links) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](links.length);
        for (uint256 i; i < links.length; ++i) {
            leaves[i] = keccak256(bytes.concat(keccak256(bytes.concat(links[i]))));
        }
    }

    /// @dev The layer above: sorted pairs are hashed, an odd last node goes up as it is.
    function _above(bytes32[] memory layer) private pure returns (bytes32[] memory above) {
        above = new bytes32[]((layer.length + 1) / 2);
        for (uint256 i; i < above.length; ++i) {
            if (2 * i + 1 == layer.length) {
                above[i] = layer[2 * i];
            } else {
                (bytes32 left, bytes32 right) = (layer[2 * i], layer[2 * i + 1]);
                above[i] = keccak256(left < right ? bytes.concat(left, right) : bytes.concat(right, left));
            }
        }
    }

    function _root(bytes32[] memory links) private pure returns (bytes32) {
        bytes32[] memory layer = _leaves(links);
        while (layer.length > 1) layer = _above(layer);
        return layer[0];
    }

    function _proof(bytes32[] memory links, uint256 position) private pure returns (bytes32[] memory proof) {
        bytes32[] memory found = new bytes32[](8);
        uint256 count;
        for (bytes32[] memory layer = _leaves(links); layer.length > 1; layer = _above(layer)) {
            if (position ^ 1 < layer.length) found[count++] = layer[position ^ 1];
            position /= 2;
        }
        proof = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            proof[i] = found[i];
        }
    }

    function _assertStream(address publisher, uint256 next, uint256 batches, bytes32 head) private view {
        (uint256 foundNext, uint256 foundBatches, bytes32 foundHead) = anchors.streamOf(publisher, STREAM);
        vm.assertEq(foundNext, next);
        vm.assertEq(foundBatches, batches);
        vm.assertEq(foundHead, head);
    }
}
