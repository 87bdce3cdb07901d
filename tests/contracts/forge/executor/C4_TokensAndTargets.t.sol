// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PaymentGuard} from "contracts/base/PaymentGuard.sol";
import {DelegateExecutor} from "contracts/DelegateExecutor.sol";
import {TestDAI} from "contracts/mocks/TestDAI.sol";
import {TestUSD} from "contracts/mocks/TestUSD.sol";
import {FalseReturningToken} from "contracts/mocks/hostile/FalseReturningToken.sol";
import {MisbehavingTarget} from "contracts/mocks/hostile/MisbehavingTarget.sol";
import {StingyExecutor} from "contracts/mocks/hostile/StingyExecutor.sol";
import {X402Callback} from "contracts/X402Callback.sol";
import {ExecutorTest} from "../base/ExecutorTest.sol";
import {Make} from "../base/Make.sol";
import {Purchase, Way} from "../base/Purchase.sol";
import {vm} from "../base/Vm.sol";

/// @title C4: exactly the amount comes to the executor and goes on to the target, or nothing happens.
contract C4ExecutorTokensTest is ExecutorTest {
    function test_entries_revert_when_the_target_does_not_take_the_token() public {
        TestUSD copy = TestUSD(Make.it("TestUSD", abi.encode(STRANGER)));
        _fund(copy, PAYER);
        for (uint256 i; i < 3; ++i) {
            Purchase memory p = _purchase(_way(i));
            p.payment.token = address(copy);
            _sign(p);
            _assertRejected(p, abi.encodeWithSelector(PaymentGuard.TokenNotListed.selector, address(copy)));
            vm.assertEq(copy.balanceOf(PAYER), FUNDS);
        }
    }

    function test_every_entry_reverts_when_the_token_takes_a_fee() public {
        TestUSD token = TestUSD(Make.it("FeeTakingToken"));
        _fund(token, PAYER);
        for (uint256 i; i < 3; ++i) {
            Purchase memory p = _purchaseIn(address(token), _way(i));
            _assertRejected(p, _notReceived(p, p.payment.amount - p.payment.amount / 100));
            vm.assertEq(token.balanceOf(PAYER), FUNDS, "the short payment went back");
        }
    }

    function test_every_entry_reverts_when_the_token_only_logs_the_transfer() public {
        TestUSD token = TestUSD(Make.it("LookAlikeToken"));
        _fund(token, PAYER);
        for (uint256 i; i < 3; ++i) {
            Purchase memory p = _purchaseIn(address(token), _way(i));
            _assertRejected(p, _notReceived(p, 0));
        }
    }

    function test_entries_revert_when_the_token_returns_false() public {
        FalseReturningToken token = FalseReturningToken(Make.it("FalseReturningToken"));
        token.mint(PAYER, FUNDS);
        for (uint256 i; i < 2; ++i) {
            Purchase memory p = _purchaseIn(address(token), _way(i));
            _assertRejected(p, _notReceived(p, 0));
        }
    }

    /// @dev What lies here by mistake is not taken for a payment.
    function test_entries_revert_when_only_strays_are_here() public {
        FalseReturningToken token = FalseReturningToken(Make.it("FalseReturningToken"));
        token.mint(address(executor), FUNDS);
        Purchase memory p = _purchaseIn(address(token), Way.Eip3009);
        _assertRejected(
            p, abi.encodeWithSelector(DelegateExecutor.AmountNotReceived.selector, p.payment.amount, FUNDS, FUNDS)
        );
    }

    function test_entries_revert_when_the_token_has_no_code() public {
        Purchase memory p = _purchaseIn(address(0x404), Way.Eip3009);
        _assertRejected(p, "");
    }

    function test_entries_revert_when_the_target_leaves_the_money() public {
        MisbehavingTarget target = _hostileTarget();
        for (uint256 i; i < 3; ++i) {
            Purchase memory p = _purchase(_way(i));
            p.payment.target = address(target);
            p.payment.callData = abi.encodeCall(MisbehavingTarget.keep, ());
            _sign(p);
            _assertRejected(
                p, abi.encodeWithSelector(DelegateExecutor.AmountNotCollected.selector, uint256(0), p.payment.amount)
            );
        }
    }

    function test_a_target_collects_once() public {
        MisbehavingTarget target = _hostileTarget();
        usd.mint(address(executor), 50_000_000);
        Purchase memory p = _purchase(Way.Eip3009);
        p.payment.target = address(target);
        p.payment.callData = abi.encodeCall(MisbehavingTarget.collectTwice, ());
        _sign(p);
        _execute(p);
        vm.assertFalse(target.callSucceeded());
        vm.assertEq(bytes32(bytes4(target.callAnswer())), bytes32(DelegateExecutor.NothingToCollect.selector));
        vm.assertEq(usd.balanceOf(address(target)), p.payment.amount);
        vm.assertEq(usd.balanceOf(address(executor)), 50_000_000, "strays stay where they are");
    }

    /// @dev The callback counts for itself, whatever a listed executor says.
    function test_onPayment_reverts_when_the_executor_hands_over_another_amount(uint64 amount) public {
        vm.assume(amount != 2_000_000);
        StingyExecutor stingy = StingyExecutor(Make.it("StingyExecutor"));
        vm.prank(ADMIN);
        callback.listExecutor(address(stingy), true);
        usd.mint(address(stingy), type(uint64).max);
        usd.mint(address(callback), 7_000_000);
        bytes32 orderId = keccak256("order-1");
        vm.expectRevert(
            abi.encodeWithSelector(
                X402Callback.AmountNotReceived.selector,
                orderId,
                uint256(2_000_000),
                uint256(7_000_000),
                7_000_000 + uint256(amount)
            )
        );
        stingy.pay(address(callback), orderId, PAYER, address(usd), 2_000_000, amount);
        vm.assertFalse(callback.isConsumed(orderId));
        stingy.pay(address(callback), orderId, PAYER, address(usd), 2_000_000, 2_000_000);
        vm.assertEq(callback.revenue(address(usd)), 2_000_000);
    }

    function test_a_token_without_EIP_3009_is_paid_by_permit2() public {
        TestDAI dai = TestDAI(Make.it("TestDAI"));
        _fund(TestUSD(address(dai)), PAYER);
        Purchase memory p = _purchaseIn(address(dai), Way.Permit2);
        _execute(p);
        vm.assertEq(dai.balanceOf(address(callback)), p.payment.amount);
        vm.assertEq(callback.revenue(address(dai)), p.payment.amount);
        vm.assertEq(dai.balanceOf(PAYER), FUNDS - p.payment.amount);
    }

    function test_permit2_is_pinned() public view {
        vm.assertEq(address(executor.PERMIT2()), PERMIT2);
    }

    function _hostileTarget() private returns (MisbehavingTarget target) {
        target = MisbehavingTarget(Make.it("MisbehavingTarget"));
        vm.prank(ADMIN);
        executor.listTarget(address(target), TARGET_GAS);
    }

    function _purchaseIn(address token, Way way) private returns (Purchase memory p) {
        vm.prank(ADMIN);
        callback.listToken(token, true);
        p = _purchase(way);
        p.payment.token = token;
        _sign(p);
    }

    function _notReceived(Purchase memory p, uint256 received) private pure returns (bytes memory) {
        return
            abi.encodeWithSelector(DelegateExecutor.AmountNotReceived.selector, p.payment.amount, uint256(0), received);
    }
}
