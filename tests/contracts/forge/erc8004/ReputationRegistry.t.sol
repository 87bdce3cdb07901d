// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IdentityRegistry} from "contracts/erc8004/IdentityRegistry.sol";
import {ReputationRegistry} from "contracts/erc8004/ReputationRegistry.sol";
import {Make} from "../base/Make.sol";
import {vm} from "../base/Vm.sol";

/// @title A summary is of the reviewers that were named, and of nobody else.
contract ReputationRegistryTest {
    address private constant OWNER = address(0x0123);
    address private constant ALICE = address(0xA11CE);
    address private constant BOB = address(0xB0B);
    address private constant SYBIL = address(0x5B11);

    IdentityRegistry private identities;
    ReputationRegistry private registry;
    uint256 private agent;

    function setUp() public {
        identities = IdentityRegistry(Make.it("IdentityRegistry"));
        registry = ReputationRegistry(Make.it("ReputationRegistry", abi.encode(address(identities))));
        vm.prank(OWNER);
        agent = identities.register();
    }

    function test_giveFeedback_is_kept_and_logged() public {
        vm.expectEmit(address(registry));
        emit ReputationRegistry.NewFeedback(agent, ALICE, 1, 87, 0, "paid", "paid", "data", "/v1/x", "ipfs://f", "hash");
        vm.prank(ALICE);
        registry.giveFeedback(agent, 87, 0, "paid", "data", "/v1/x", "ipfs://f", "hash");
        (int128 value, uint8 decimals, string memory tag1, string memory tag2, bool revoked) =
            registry.readFeedback(agent, ALICE, 1);
        vm.assertEq(uint256(int256(value)), 87);
        vm.assertEq(uint256(decimals), 0);
        vm.assertEq(tag1, "paid");
        vm.assertEq(tag2, "data");
        vm.assertFalse(revoked);
        vm.assertEq(uint256(registry.getLastIndex(agent, ALICE)), 1);
        vm.assertEq(registry.getIdentityRegistry(), address(identities));
    }

    function test_getClients_names_everybody_once() public {
        _say(ALICE, 1, 0);
        _say(BOB, 1, 0);
        _say(ALICE, 2, 0);
        address[] memory clients = registry.getClients(agent);
        vm.assertEq(clients.length, 2);
        vm.assertEq(clients[0], ALICE);
        vm.assertEq(clients[1], BOB);
    }

    function test_giveFeedback_reverts_for_whoever_speaks_for_the_agent() public {
        vm.expectRevert(abi.encodeWithSelector(ReputationRegistry.OwnAgent.selector, agent, OWNER));
        this.say(OWNER, 100, 0);
        vm.prank(OWNER);
        identities.setApprovalForAll(BOB, true);
        vm.expectRevert(abi.encodeWithSelector(ReputationRegistry.OwnAgent.selector, agent, BOB));
        this.say(BOB, 100, 0);
    }

    function test_giveFeedback_reverts_without_an_agent_and_out_of_bounds() public {
        vm.prank(ALICE);
        vm.expectRevert(abi.encodeWithSignature("ERC721NonexistentToken(uint256)", agent + 1));
        registry.giveFeedback(agent + 1, 1, 0, "", "", "", "", "");
        vm.expectRevert(abi.encodeWithSelector(ReputationRegistry.TooManyDecimals.selector, 19));
        this.say(ALICE, 1, 19);
        int128 much = registry.MAX_VALUE() + 1;
        vm.expectRevert(abi.encodeWithSelector(ReputationRegistry.ValueOutOfBounds.selector, much));
        this.say(ALICE, much, 0);
        vm.expectRevert(abi.encodeWithSelector(ReputationRegistry.ValueOutOfBounds.selector, -much));
        this.say(ALICE, -much, 0);
    }

    function test_getSummary_reverts_without_reviewers() public {
        _say(ALICE, 80, 0);
        vm.expectRevert(ReputationRegistry.ReviewersMissing.selector);
        registry.getSummary(agent, new address[](0), "", "");
    }

    function test_getSummary_counts_named_reviewers_only(uint8 sybils) public {
        _say(ALICE, 90, 0);
        _say(BOB, 755, 1);
        for (uint256 i; i < sybils % 20; ++i) {
            _say(address(uint160(SYBIL) + uint160(i)), 100, 0);
        }
        (uint64 count, int128 value, uint8 decimals) = registry.getSummary(agent, _both(), "", "");
        vm.assertEq(uint256(count), 2);
        vm.assertEq(uint256(int256(value)), 827);
        vm.assertEq(uint256(decimals), 1);
    }

    function test_getSummary_leaves_out_what_was_revoked_or_has_other_tags() public {
        _say(ALICE, 90, 0);
        vm.prank(BOB);
        registry.giveFeedback(agent, 10, 0, "slow", "", "", "", "");
        (uint64 count, int128 value,) = registry.getSummary(agent, _both(), "slow", "");
        vm.assertEq(uint256(count), 1);
        vm.assertEq(uint256(int256(value)), 10);
        vm.prank(BOB);
        registry.revokeFeedback(agent, 1);
        (count, value,) = registry.getSummary(agent, _both(), "", "");
        vm.assertEq(uint256(count), 1);
        vm.assertEq(uint256(int256(value)), 90);
        (count, value,) = registry.getSummary(agent, _both(), "slow", "");
        vm.assertEq(uint256(count), 0);
    }

    function test_revokeFeedback_reverts_for_what_is_not_there_or_revoked() public {
        _say(ALICE, 90, 0);
        bytes4 nothing = ReputationRegistry.NoFeedback.selector;
        vm.expectRevert(abi.encodeWithSelector(nothing, agent, BOB, 1));
        vm.prank(BOB);
        registry.revokeFeedback(agent, 1);
        vm.startPrank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(nothing, agent, ALICE, 0));
        registry.revokeFeedback(agent, 0);
        registry.revokeFeedback(agent, 1);
        vm.expectRevert(abi.encodeWithSelector(ReputationRegistry.RevokedAlready.selector, agent, ALICE, 1));
        registry.revokeFeedback(agent, 1);
        vm.stopPrank();
    }

    /// @dev One reviewer that counts cannot make the summary revert for all others.
    function test_getSummary_always_answers(int128 first, uint8 firstDecimals, int128 second, uint8 secondDecimals)
        public
    {
        int128 most = registry.MAX_VALUE();
        first = first % (most + 1);
        second = second % (most + 1);
        _say(ALICE, first, firstDecimals % 19);
        _say(BOB, second, secondDecimals % 19);
        (uint64 count, int128 value, uint8 decimals) = registry.getSummary(agent, _both(), "", "");
        vm.assertEq(uint256(count), 2);
        vm.assertTrue(decimals <= 18);
        int256 exact = (_wad(first, firstDecimals % 19) + _wad(second, secondDecimals % 19)) / 2;
        int256 unit = int256(10 ** (18 - decimals));
        int256 lost = exact - int256(value) * unit;
        vm.assertTrue(lost < unit && lost > -unit, "rounded by less than one unit");
    }

    /// @notice For expectRevert, which wants a call.
    function say(address client, int128 value, uint8 decimals) external {
        _say(client, value, decimals);
    }

    function _say(address client, int128 value, uint8 decimals) private {
        vm.prank(client);
        registry.giveFeedback(agent, value, decimals, "", "", "", "", "");
    }

    function _wad(int128 value, uint8 decimals) private pure returns (int256) {
        return int256(value) * int256(10 ** (18 - decimals));
    }

    function _both() private pure returns (address[] memory both) {
        both = new address[](2);
        (both[0], both[1]) = (ALICE, BOB);
    }
}
