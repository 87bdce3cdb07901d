// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PaymentGuard} from "contracts/base/PaymentGuard.sol";
import {Subscription} from "contracts/callbacks/Subscription.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {Make} from "../base/Make.sol";
import {OneTokenTest} from "../base/OneTokenTest.sol";
import {Purchase, Way} from "../base/Purchase.sol";
import {Request} from "../base/Request.sol";
import {vm} from "../base/Vm.sol";

/// @title Subscription: how much time a payment buys, for whom, and from when.
contract SubscriptionTest is OneTokenTest {
    uint64 private constant PERIOD = 30 days;

    function test_a_payment_buys_its_payer_a_period_from_now(uint8 which) public {
        uint64 until = uint64(block.timestamp) + PERIOD;
        vm.expectEmit(address(callback));
        bytes32 orderId = which % 5 < 2 ? keccak256("order-1") : keccak256(abi.encode(keccak256("order-1"), PAYER));
        emit Subscription.Extended(orderId, PAYER, PAYER, until);
        _pay(which, "order-1");
        vm.assertEq(_subscription().paidUntil(PAYER), until);
    }

    function test_time_is_added_at_the_end_of_what_is_paid() public {
        _pay(0, "order-1");
        vm.warp(block.timestamp + 1 days);
        _pay(2, "order-2");
        vm.assertEq(_subscription().paidUntil(PAYER), block.timestamp + 2 * PERIOD - 1 days);
    }

    function test_a_lapsed_subscription_begins_anew() public {
        _pay(0, "order-1");
        vm.warp(block.timestamp + PERIOD + 1 days);
        _pay(2, "order-2");
        vm.assertEq(_subscription().paidUntil(PAYER), block.timestamp + PERIOD);
    }

    function test_time_is_bought_in_proportion(uint128 amount) public {
        amount = PRICE + amount % (11 * PRICE);
        _payAmount("order-1", amount);
        uint256 bought = _subscription().paidUntil(PAYER) - block.timestamp;
        vm.assertEq(bought, uint256(amount) * PERIOD / PRICE);
        vm.assertEq(callback.revenue(address(usd)), amount);
    }

    function test_isActive_ends_with_the_period() public {
        vm.assertFalse(_subscription().isActive(PAYER));
        _pay(0, "order-1");
        vm.assertTrue(_subscription().isActive(PAYER));
        vm.warp(block.timestamp + PERIOD - 1);
        vm.assertTrue(_subscription().isActive(PAYER));
        vm.warp(block.timestamp + 1);
        vm.assertFalse(_subscription().isActive(PAYER));
    }

    function test_extendFor_extends_for_whom_the_payer_named() public {
        Purchase memory p = _gift(STRANGER);
        vm.expectEmit(address(callback));
        emit Subscription.Extended(p.payment.orderId, PAYER, STRANGER, uint64(block.timestamp) + PERIOD);
        _execute(p);
        vm.assertTrue(_subscription().isActive(STRANGER));
        vm.assertFalse(_subscription().isActive(PAYER));
    }

    function test_extendFor_reverts_when_nobody_is_named() public {
        Purchase memory p = _gift(address(0));
        vm.expectRevert(abi.encodeWithSelector(Subscription.NothingBought.selector, p.payment.orderId));
        this.execute(p);
    }

    function test_EXTEND_FOR_is_the_selector_of_extendFor() public view {
        vm.assertEq(bytes32(_subscription().EXTEND_FOR()), bytes32(bytes4(keccak256("extendFor(address)"))));
    }

    /// @dev The owner may list any price; what buys no second is refused.
    function test_a_payment_that_buys_no_second_is_refused() public {
        callback = MisbehavingCallback(make(3 * uint128(PERIOD), PERIOD, 1));
        vm.prank(ADMIN);
        callback.listAction(bytes4(0), PaymentGuard.Bounds(1, PRICE));
        Request memory request = _base("order-1", 2);
        vm.expectRevert(abi.encodeWithSelector(Subscription.NothingBought.selector, request.orderId));
        this.submit(request);
        _payAmount("order-1", 3);
        vm.assertEq(_subscription().paidUntil(PAYER), block.timestamp + 1);
    }

    function test_the_constructor_reverts_without_a_price_or_a_period() public {
        vm.expectRevert(Subscription.TermsMissing.selector);
        this.make(0, PERIOD, 12);
        vm.expectRevert(Subscription.TermsMissing.selector);
        this.make(PRICE, 0, 12);
        vm.expectRevert(abi.encodeWithSelector(PaymentGuard.BoundsInvalid.selector, PRICE, uint256(0)));
        this.make(PRICE, PERIOD, 0);
    }

    function make(uint128 price, uint64 period, uint32 most) public returns (address) {
        return Make.it("Subscription", abi.encode(ADMIN, _list(DELEGATE), address(usd), PERMIT2, price, period, most));
    }

    function _make(address token) internal override returns (address) {
        return Make.it("Subscription", abi.encode(ADMIN, _list(DELEGATE), token, PERMIT2, PRICE, PERIOD, uint32(12)));
    }

    function _isOwed() internal pure override returns (bool) {
        return false;
    }

    function _gift(address subscriber) private view returns (Purchase memory p) {
        p = _purchase(Way.Eip3009);
        p.payment.callData = abi.encodeWithSignature("extendFor(address)", subscriber);
        _sign(p);
    }

    function _subscription() private view returns (Subscription) {
        return Subscription(address(callback));
    }
}
