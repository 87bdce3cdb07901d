// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {TwoStepOwner} from "contracts/base/TwoStepOwner.sol";
import {ExecutorTest} from "../base/ExecutorTest.sol";
import {Make} from "../base/Make.sol";
import {OwnedTest} from "../base/OwnedTest.sol";
import {Purchase, Way} from "../base/Purchase.sol";
import {vm} from "../base/Vm.sol";

/// @title C13: nobody takes the executor over, and its owner lists targets and can do nothing else.
contract C13ExecutorOwnershipTest is ExecutorTest, OwnedTest {
    function test_owners_functions_revert_when_anybody_else_calls(address caller, uint8 which) public {
        vm.assume(caller != ADMIN);
        bytes[3] memory calls = [
            abi.encodeCall(executor.listTarget, (caller, 1)),
            abi.encodeCall(executor.transferOwnership, (caller)),
            abi.encodeCall(executor.renounceOwnership, ())
        ];
        _assertOwnersAlone(calls[which % 3], caller);
    }

    function test_listExecutor_reverts_when_anybody_but_the_owner_calls(address caller) public {
        vm.assume(caller != ADMIN);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller));
        vm.prank(caller);
        callback.listExecutor(caller, true);
    }

    function test_constructor_reverts_without_an_owner() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        this.make(address(0));
    }

    function make(address owner) external returns (address) {
        return Make.it("DelegateExecutor", abi.encode(owner));
    }

    function test_there_is_no_initialiser_no_way_to_upgrade_and_no_way_out_for_money() public {
        string[8] memory doors = [
            "initialize()",
            "initialize(address)",
            "upgradeTo(address)",
            "upgradeToAndCall(address,bytes)",
            "setOwner(address)",
            "proxiableUUID()",
            "withdraw(address)",
            "sweep(address,address)"
        ];
        usd.mint(address(executor), 5);
        for (uint256 i; i < doors.length; ++i) {
            vm.prank(ADMIN);
            (bool success,) = address(executor).call(abi.encodeWithSignature(doors[i], STRANGER, ""));
            vm.assertFalse(success, doors[i]);
        }
        vm.assertEq(usd.balanceOf(address(executor)), 5);
    }

    /// @dev Whom the owner lists has no part in a payment that names another target.
    function test_the_owner_cannot_turn_a_payment_round() public {
        Purchase memory p = _purchase(Way.Eip3009);
        vm.startPrank(ADMIN);
        executor.listTarget(ADMIN, TARGET_GAS);
        vm.stopPrank();
        p.payment.target = ADMIN;
        _assertRejected(p);
    }

    function _owned() internal view override returns (TwoStepOwner) {
        return executor;
    }
}
