// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BoundedCall} from "contracts/base/BoundedCall.sol";
import {MisbehavingTarget} from "contracts/mocks/hostile/MisbehavingTarget.sol";
import {ExecutorTest} from "../base/ExecutorTest.sol";
import {Make} from "../base/Make.sol";
import {Purchase, Way} from "../base/Purchase.sol";
import {vm} from "../base/Vm.sol";

/// @title C7: a relayer cannot starve a target or its action, and a target cannot burn more than its gas.
contract C7ExecutorTargetGasTest is ExecutorTest {
    /// @dev Whatever gas the relayer gives: the action ran with all of its gas, or nothing happened.
    function test_an_action_gets_all_of_its_gas_or_nothing_happens(uint256 gas_, uint8 which) public {
        Purchase memory p = _purchase(_way(which));
        gas_ = 21_000 + gas_ % 1_200_000;
        bytes32 before = _state(p);
        try this.executeWithGas(p, gas_) {
            // The frame's own decoding comes off before the action looks.
            vm.assertGe(callback.gasSeen(), ACTION_GAS - 5_000, "the action was starved");
            vm.assertEq(callback.totalEffects(), 1, "one effect");
            _assertBooksBalance();
        } catch {
            vm.assertEq(_state(p), before, "something changed");
        }
    }

    function test_entries_revert_when_the_gas_left_is_below_the_floor() public {
        for (uint256 i; i < 3; ++i) {
            Purchase memory p = _purchase(_way(i));
            vm.expectPartialRevert(BoundedCall.ActionGasTooLow.selector);
            this.executeWithGas(p, TARGET_GAS + 100_000);
        }
    }

    /// @dev A target whose list entry is too small for its action refuses rather than starve it.
    function test_a_target_with_too_little_gas_refuses() public {
        vm.prank(ADMIN);
        executor.listTarget(address(callback), ACTION_GAS);
        Purchase memory p = _purchase(Way.Eip3009);
        vm.expectPartialRevert(BoundedCall.ActionGasTooLow.selector);
        this.execute(p);
    }

    function test_a_target_cannot_burn_more_than_its_gas() public {
        MisbehavingTarget target = MisbehavingTarget(Make.it("MisbehavingTarget"));
        vm.prank(ADMIN);
        executor.listTarget(address(target), 300_000);
        Purchase memory p = _purchase(Way.Eip3009);
        p.payment.target = address(target);
        p.payment.callData = abi.encodeCall(MisbehavingTarget.burnGas, ());
        _sign(p);
        uint256 before = gasleft();
        try this.executeWithGas(p, 20_000_000) {
            revert("the target should fail");
        } catch {}
        vm.assertLe(before - gasleft(), 300_000 + 200_000, "more gas was burnt than the target has");
    }
}
