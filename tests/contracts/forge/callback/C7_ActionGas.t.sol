// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BoundedCall} from "contracts/base/BoundedCall.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {CallbackTest} from "../base/CallbackTest.sol";
import {Entry, Request} from "../base/Request.sol";
import {vm} from "../base/Vm.sol";

/// @title C7: a relayer cannot starve an action, and an action cannot burn more than its gas.
contract C7ActionGasTest is CallbackTest {
    /// @dev Whatever gas the relayer gives: the action ran with all of its gas, or nothing happened.
    function test_an_action_gets_all_of_its_gas_or_nothing_happens(uint256 gas_, uint8 which) public {
        Request memory request = _request(_entry(which));
        gas_ = 21_000 + gas_ % 1_000_000;
        try this.submitWithGas(request, gas_) {
            // The frame's own decoding comes off before the action looks.
            vm.assertGe(callback.gasSeen(), ACTION_GAS - 5_000, "the action was starved");
            _assertBooksBalance();
            vm.assertEq(callback.totalEffects(), 1, "one effect");
        } catch {
            vm.assertFalse(callback.isConsumed(request.orderId), "the order is as it was");
            vm.assertFalse(usd.authorizationState(DELEGATE, request.nonce), "so is the payment");
            vm.assertEq(callback.totalEffects(), 0, "no effect");
        }
    }

    function test_entries_revert_when_the_gas_left_is_below_the_floor() public {
        Request memory request = _request(Entry.Eip3009);
        vm.expectPartialRevert(BoundedCall.ActionGasTooLow.selector);
        this.submitWithGas(request, 400_000);
    }

    function test_an_action_cannot_burn_more_than_its_gas() public {
        Request memory request = _request(Entry.Eip3009WithCalldata);
        request.action = abi.encodeCall(MisbehavingCallback.burnGas, ());
        _sign(request);
        uint256 before = gasleft();
        try this.submitWithGas(request, 20_000_000) {
            revert("the action should fail");
        } catch {}
        vm.assertLe(before - gasleft(), ACTION_GAS + 200_000, "more gas was burnt than the action has");
    }

    function submitWithGas(Request memory request, uint256 gas_) external {
        _submitWithGas(request, gas_);
    }
}
