// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PaymentGuard} from "contracts/base/PaymentGuard.sol";
import {DelegateExecutor} from "contracts/DelegateExecutor.sol";
import {X402Callback} from "contracts/X402Callback.sol";
import {ExecutorTest} from "../base/ExecutorTest.sol";
import {Make} from "../base/Make.sol";
import {Purchase, Way} from "../base/Purchase.sol";
import {vm} from "../base/Vm.sol";

/// @title C1: a callback takes payments from listed executors only, an executor pays listed targets only.
contract C1ExecutorCallersTest is ExecutorTest {
    /// @dev Everything that could be chosen is signed, so whoever submits it changes nothing.
    function test_every_entry_works_whoever_submits(address caller, uint8 which) public {
        vm.assume(caller != address(vm));
        Purchase memory p = _purchase(_way(which));
        p.caller = caller;
        _assertExecuted(p);
    }

    function test_every_entry_says_what_was_executed() public {
        for (uint256 i; i < 3; ++i) {
            Purchase memory p = _purchase(_way(i));
            _order(p, abi.encode(i));
            vm.expectEmit(address(executor));
            emit DelegateExecutor.PaymentExecuted(
                p.payment.orderId, PAYER, address(callback), address(usd), p.payment.amount, notary.commitment(p)
            );
            vm.expectEmit(address(callback));
            emit X402Callback.PaymentAccepted(
                p.payment.orderId, PAYER, address(usd), p.payment.amount, callback.behave.selector
            );
            _execute(p);
        }
    }

    function test_onPayment_reverts_when_the_caller_is_no_listed_executor(address caller) public {
        vm.assume(caller != address(executor));
        vm.expectRevert(abi.encodeWithSelector(PaymentGuard.ExecutorNotListed.selector, caller));
        vm.prank(caller);
        callback.onPayment(keccak256("order"), PAYER, address(usd), 2_000_000, "");
    }

    function test_onPayment_reverts_when_delegate_wallet_payer_or_owner_calls() public {
        address[3] memory callers = [DELEGATE, PAYER, ADMIN];
        for (uint256 i; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(PaymentGuard.ExecutorNotListed.selector, callers[i]));
            vm.prank(callers[i]);
            callback.onPayment(keccak256("order"), PAYER, address(usd), 2_000_000, "");
        }
    }

    function test_an_executor_that_the_callback_does_not_list_is_refused() public {
        vm.expectEmit(address(callback));
        emit PaymentGuard.ExecutorListed(address(executor), false);
        vm.prank(ADMIN);
        callback.listExecutor(address(executor), false);
        for (uint256 i; i < 3; ++i) {
            _assertRejected(
                _purchase(_way(i)), abi.encodeWithSelector(PaymentGuard.ExecutorNotListed.selector, address(executor))
            );
        }
        vm.prank(ADMIN);
        callback.listExecutor(address(executor), true);
        _assertExecuted(_purchase(Way.Eip3009));
    }

    function test_every_entry_reverts_when_the_target_is_not_listed(address target, uint8 which) public {
        vm.assume(target != address(callback));
        Purchase memory p = _purchase(_way(which));
        p.payment.target = target;
        _sign(p);
        _assertRejected(p, abi.encodeWithSelector(DelegateExecutor.TargetNotListed.selector, target));
    }

    function test_listTarget_lets_a_target_in_and_out_again() public {
        vm.expectEmit(address(executor));
        emit DelegateExecutor.TargetListed(address(callback), 0);
        vm.prank(ADMIN);
        executor.listTarget(address(callback), 0);
        Purchase memory p = _purchase(Way.Eip3009);
        _assertRejected(p, abi.encodeWithSelector(DelegateExecutor.TargetNotListed.selector, address(callback)));
        vm.prank(ADMIN);
        executor.listTarget(address(callback), TARGET_GAS);
        _assertExecuted(p);
    }

    function test_collect_reverts_when_nothing_is_being_paid(address caller) public {
        usd.mint(address(executor), 5);
        vm.expectRevert(abi.encodeWithSelector(DelegateExecutor.NothingToCollect.selector, caller));
        vm.prank(caller);
        executor.collect();
        vm.assertEq(usd.balanceOf(address(executor)), 5);
    }

    function test_collect_reverts_when_the_target_calls_after_its_payment() public {
        _assertExecuted(_purchase(Way.Eip3009));
        vm.expectRevert(abi.encodeWithSelector(DelegateExecutor.NothingToCollect.selector, address(callback)));
        vm.prank(address(callback));
        executor.collect();
    }
}
