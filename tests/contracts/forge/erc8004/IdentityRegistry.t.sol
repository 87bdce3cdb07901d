// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IdentityRegistry} from "contracts/erc8004/IdentityRegistry.sol";
import {SmartWallet} from "contracts/mocks/SmartWallet.sol";
import {Make} from "../base/Make.sol";
import {Signatures} from "../base/Signatures.sol";
import {vm} from "../base/Vm.sol";

/// @title An agent's wallet is one that agreed, and nobody else changes what an agent says of itself.
contract IdentityRegistryTest {
    uint256 private constant WALLET_KEY = 0xA11E7;
    address private constant OWNER = address(0x0123);
    address private constant THIEF = address(0xBAD);
    bytes32 private constant WALLET_SET =
        keccak256("AgentWalletSet(uint256 agentId,address newWallet,address owner,uint256 deadline)");

    IdentityRegistry private registry;
    uint256 private agent;

    function setUp() public {
        vm.warp(1_700_000_000);
        registry = IdentityRegistry(Make.it("IdentityRegistry"));
        vm.prank(OWNER);
        agent = registry.register("https://shop.example/agent.json");
    }

    function test_register_numbers_agents_and_pays_them_at_their_owner() public {
        vm.assertEq(agent, 0);
        vm.assertEq(registry.ownerOf(agent), OWNER);
        vm.assertEq(registry.getAgentWallet(agent), OWNER);
        vm.assertEq(registry.tokenURI(agent), "https://shop.example/agent.json");
        vm.prank(THIEF);
        vm.assertEq(registry.register(), 1);
        vm.assertEq(registry.tokenURI(1), "");
    }

    function test_register_with_metadata_writes_it() public {
        IdentityRegistry.MetadataEntry[] memory entries = new IdentityRegistry.MetadataEntry[](2);
        entries[0] = IdentityRegistry.MetadataEntry("kind", "data");
        entries[1] = IdentityRegistry.MetadataEntry("colour", "red");
        vm.prank(OWNER);
        uint256 made = registry.register("ipfs://x", entries);
        vm.assertEq(string(registry.getMetadata(made, "kind")), "data");
        vm.assertEq(string(registry.getMetadata(made, "colour")), "red");
        vm.assertEq(string(registry.getMetadata(made, "other")), "");
    }

    function test_the_wallet_cannot_be_written_as_metadata() public {
        IdentityRegistry.MetadataEntry[] memory entries = new IdentityRegistry.MetadataEntry[](1);
        entries[0] = IdentityRegistry.MetadataEntry("agentWallet", abi.encodePacked(THIEF));
        vm.expectRevert(IdentityRegistry.ReservedKey.selector);
        registry.register("", entries);
        vm.prank(OWNER);
        vm.expectRevert(IdentityRegistry.ReservedKey.selector);
        registry.setMetadata(agent, "agentWallet", abi.encodePacked(THIEF));
        vm.assertEq(bytes32(registry.getMetadata(agent, "agentWallet")), bytes32(abi.encodePacked(OWNER)));
    }

    function test_setAgentWallet_takes_an_EOA_that_agrees() public {
        address wallet = vm.addr(WALLET_KEY);
        bytes memory consent = _consent(wallet, OWNER, block.timestamp + 300);
        vm.prank(OWNER);
        registry.setAgentWallet(agent, wallet, block.timestamp + 300, consent);
        vm.assertEq(registry.getAgentWallet(agent), wallet);
        vm.assertEq(bytes32(registry.getMetadata(agent, "agentWallet")), bytes32(abi.encodePacked(wallet)));
    }

    function test_setAgentWallet_takes_a_smart_wallet_that_agrees() public {
        address wallet = Make.it("SmartWallet", abi.encode(vm.addr(WALLET_KEY)));
        bytes memory consent = _consent(wallet, OWNER, block.timestamp);
        vm.prank(OWNER);
        registry.setAgentWallet(agent, wallet, block.timestamp, consent);
        vm.assertEq(registry.getAgentWallet(agent), wallet);
    }

    function test_setAgentWallet_reverts_when_the_wallet_did_not_sign_exactly_this(uint256 key) public {
        key = 1 + key % (type(uint128).max - 1);
        vm.assume(key != WALLET_KEY);
        address wallet = vm.addr(WALLET_KEY);
        uint256 deadline = block.timestamp + 60;
        bytes memory foreign = Signatures.sign(key, _digest(agent, wallet, OWNER, deadline));
        _assertRefused(wallet, deadline, foreign);
        _assertRefused(wallet, deadline, Signatures.sign(WALLET_KEY, _digest(agent + 1, wallet, OWNER, deadline)));
        _assertRefused(wallet, deadline, Signatures.sign(WALLET_KEY, _digest(agent, THIEF, OWNER, deadline)));
        _assertRefused(wallet, deadline, Signatures.sign(WALLET_KEY, _digest(agent, wallet, THIEF, deadline)));
        _assertRefused(wallet, deadline, Signatures.sign(WALLET_KEY, _digest(agent, wallet, OWNER, deadline + 1)));
        _assertRefused(wallet, deadline, Signatures.flip(_consent(wallet, OWNER, deadline)));
        _assertRefused(wallet, deadline, "");
    }

    function test_setAgentWallet_reverts_when_the_consent_has_lapsed_or_lapses_too_late() public {
        address wallet = vm.addr(WALLET_KEY);
        _assertRefusedAt(wallet, block.timestamp - 1);
        _assertRefusedAt(wallet, block.timestamp + 301);
        vm.prank(OWNER);
        vm.expectRevert(IdentityRegistry.WalletMissing.selector);
        registry.setAgentWallet(agent, address(0), block.timestamp, "");
    }

    function test_only_the_owner_and_whom_it_approved_change_an_agent() public {
        bytes memory consent = _consent(vm.addr(WALLET_KEY), OWNER, block.timestamp);
        bytes memory refusal = abi.encodeWithSelector(IdentityRegistry.NotAuthorized.selector, agent, THIEF);
        vm.startPrank(THIEF);
        vm.expectRevert(refusal);
        registry.setAgentWallet(agent, vm.addr(WALLET_KEY), block.timestamp, consent);
        vm.expectRevert(refusal);
        registry.unsetAgentWallet(agent);
        vm.expectRevert(refusal);
        registry.setAgentURI(agent, "https://evil.example");
        vm.expectRevert(refusal);
        registry.setMetadata(agent, "kind", "x");
        vm.stopPrank();
        vm.prank(OWNER);
        registry.approve(THIEF, agent);
        vm.prank(THIEF);
        registry.setAgentURI(agent, "https://new.example");
        vm.assertEq(registry.tokenURI(agent), "https://new.example");
    }

    function test_unsetAgentWallet_and_a_transfer_leave_no_wallet() public {
        vm.prank(OWNER);
        registry.unsetAgentWallet(agent);
        vm.assertEq(registry.getAgentWallet(agent), address(0));
        vm.prank(OWNER);
        uint256 other = registry.register();
        vm.prank(OWNER);
        registry.transferFrom(OWNER, THIEF, other);
        vm.assertEq(registry.ownerOf(other), THIEF);
        vm.assertEq(registry.getAgentWallet(other), address(0));
        vm.assertEq(registry.getMetadata(other, "agentWallet").length, 0);
    }

    function _assertRefused(address wallet, uint256 deadline, bytes memory signature) private {
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(IdentityRegistry.WalletDisagrees.selector, wallet));
        registry.setAgentWallet(agent, wallet, deadline, signature);
    }

    function _assertRefusedAt(address wallet, uint256 deadline) private {
        bytes memory consent = _consent(wallet, OWNER, deadline);
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(IdentityRegistry.DeadlineInvalid.selector, deadline, block.timestamp));
        registry.setAgentWallet(agent, wallet, deadline, consent);
    }

    function _consent(address wallet, address owner, uint256 deadline) private view returns (bytes memory) {
        return Signatures.signFor(wallet, WALLET_KEY, _digest(agent, wallet, owner, deadline));
    }

    function _digest(uint256 agentId, address wallet, address owner, uint256 deadline) private view returns (bytes32) {
        return Signatures.digest(
            Signatures.domain("ERC8004IdentityRegistry", "1", address(registry)),
            keccak256(abi.encode(WALLET_SET, agentId, wallet, owner, deadline))
        );
    }
}
