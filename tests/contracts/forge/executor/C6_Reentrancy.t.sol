// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {DelegateExecutor} from "contracts/DelegateExecutor.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {MisbehavingTarget} from "contracts/mocks/hostile/MisbehavingTarget.sol";
import {ReentrantToken} from "contracts/mocks/hostile/ReentrantToken.sol";
import {ReentrantWallet} from "contracts/mocks/hostile/ReentrantWallet.sol";
import {StingyExecutor} from "contracts/mocks/hostile/StingyExecutor.sol";
import {ExecutorTest} from "../base/ExecutorTest.sol";
import {Make} from "../base/Make.sol";
import {Purchase, Way} from "../base/Purchase.sol";
import {vm} from "../base/Vm.sol";

/// @title C6: neither token, target, action nor wallet gets back in while a payment is executed.
contract C6ExecutorReentrancyTest is ExecutorTest {
    bytes32 private constant REENTERED = bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);

    function test_every_entry_refuses_a_token_that_calls_back_in() public {
        ReentrantToken token = _hostileToken();
        for (uint256 i; i < 3; ++i) {
            Purchase memory inner = _inner(_way(i));
            token.arm(address(executor), notary.encode(inner));
            Purchase memory outer = _purchase(Way.Eip3009);
            outer.payment.token = address(token);
            _order(outer, abi.encode("outer", i));
            _execute(outer);
            vm.assertFalse(token.gotThrough(), "the call back in failed");
            vm.assertEq(bytes32(bytes4(token.answer())), REENTERED);
            vm.assertFalse(callback.isConsumed(inner.payment.orderId));
        }
        vm.assertEq(callback.totalEffects(), 3, "only the outer payments had an effect");
    }

    function test_a_token_that_calls_the_callback_is_refused() public {
        ReentrantToken token = _hostileToken();
        vm.prank(ADMIN);
        callback.listExecutor(address(token), true);
        token.arm(
            address(callback), abi.encodeCall(callback.onPayment, (keccak256("x"), PAYER, address(usd), MINIMUM, ""))
        );
        Purchase memory outer = _purchase(Way.Eip3009);
        outer.payment.token = address(token);
        _sign(outer);
        // It calls in the transfer to the executor, when nobody is in the callback: there is nothing to collect.
        _execute(outer);
        vm.assertFalse(token.gotThrough());
        vm.assertFalse(callback.isConsumed(keccak256("x")));
    }

    /// @dev The token calls in the hand-over, when the callback is at work; listed as an executor, it passes for one.
    function test_onPayment_refuses_a_token_that_calls_back_in_the_hand_over() public {
        ReentrantToken token = _hostileToken();
        StingyExecutor stingy = StingyExecutor(Make.it("StingyExecutor"));
        vm.startPrank(ADMIN);
        callback.listExecutor(address(token), true);
        callback.listExecutor(address(stingy), true);
        vm.stopPrank();
        token.mint(address(stingy), MINIMUM);
        token.arm(
            address(callback), abi.encodeCall(callback.onPayment, (keccak256("x"), PAYER, address(usd), MINIMUM, ""))
        );
        stingy.pay(address(callback), keccak256("order-1"), PAYER, address(token), MINIMUM, MINIMUM);
        vm.assertEq(bytes32(bytes4(token.answer())), REENTERED);
        vm.assertFalse(callback.isConsumed(keccak256("x")));
        vm.assertEq(callback.totalEffects(), 1);
    }

    function test_a_target_cannot_execute_another_payment() public {
        MisbehavingTarget target = _hostileTarget();
        for (uint256 i; i < 3; ++i) {
            Purchase memory inner = _inner(_way(i));
            Purchase memory outer = _purchase(Way.Eip3009);
            outer.payment.target = address(target);
            outer.payment.callData =
                abi.encodeCall(MisbehavingTarget.callOut, (address(executor), notary.encode(inner)));
            _order(outer, abi.encode("outer", i));
            _execute(outer);
            vm.assertFalse(target.callSucceeded());
            vm.assertEq(bytes32(bytes4(target.callAnswer())), REENTERED);
        }
    }

    function test_an_action_cannot_execute_another_payment() public {
        Purchase memory inner = _inner(Way.Eip3009);
        Purchase memory outer = _purchase(Way.Eip3009);
        outer.payment.callData = abi.encodeCall(MisbehavingCallback.callOut, (address(executor), notary.encode(inner)));
        _sign(outer);
        _assertExecuted(outer);
        vm.assertFalse(callback.callSucceeded());
        vm.assertEq(bytes32(bytes4(callback.callAnswer())), REENTERED);
    }

    function test_an_action_cannot_collect_again() public {
        usd.mint(address(executor), 9_000_000);
        Purchase memory outer = _purchase(Way.Eip3009);
        outer.payment.callData =
            abi.encodeCall(MisbehavingCallback.callOut, (address(executor), abi.encodeCall(executor.collect, ())));
        _sign(outer);
        _execute(outer);
        vm.assertEq(bytes32(bytes4(callback.callAnswer())), bytes32(DelegateExecutor.NothingToCollect.selector));
        vm.assertEq(usd.balanceOf(address(executor)), 9_000_000);
    }

    /// @dev A token asks a wallet without leave to change anything, so a wallet that wants to has not signed.
    function test_a_wallet_that_calls_back_in_has_not_signed() public {
        ReentrantWallet wallet = ReentrantWallet(Make.it("ReentrantWallet"));
        usd.mint(address(wallet), FUNDS);
        wallet.execute(address(usd), abi.encodeCall(usd.approve, (PERMIT2, type(uint256).max)));
        for (uint256 i = 1; i < 3; ++i) {
            Purchase memory inner = _inner(Way.Eip3009);
            wallet.arm(address(executor), notary.encode(inner));
            Purchase memory outer = _purchase(_way(i));
            outer.payment.payer = address(wallet);
            _order(outer, abi.encode("outer", i));
            _assertRejected(outer);
            vm.assertFalse(callback.isConsumed(inner.payment.orderId));
        }
    }

    function _inner(Way way) private view returns (Purchase memory inner) {
        inner = _purchase(way);
        _order(inner, abi.encode("inner", way));
    }

    function _hostileTarget() private returns (MisbehavingTarget target) {
        target = MisbehavingTarget(Make.it("MisbehavingTarget"));
        vm.prank(ADMIN);
        executor.listTarget(address(target), 1_000_000);
    }

    function _hostileToken() private returns (ReentrantToken token) {
        token = ReentrantToken(Make.it("ReentrantToken"));
        _fund(token, PAYER);
        vm.prank(ADMIN);
        callback.listToken(address(token), true);
    }
}
