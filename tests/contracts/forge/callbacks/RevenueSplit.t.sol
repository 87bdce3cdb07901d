// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PaymentGuard} from "contracts/base/PaymentGuard.sol";
import {RevenueSplit} from "contracts/callbacks/RevenueSplit.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {ReentrantToken} from "contracts/mocks/hostile/ReentrantToken.sol";
import {Make} from "../base/Make.sol";
import {OneTokenTest} from "../base/OneTokenTest.sol";
import {Request} from "../base/Request.sol";
import {vm} from "../base/Vm.sol";

/// @title RevenueSplit: every atomic unit is somebody's, and each takes his own.
contract RevenueSplitTest is OneTokenTest {
    address private constant ANN = address(0xa11);
    address private constant BOB = address(0xb0b0);
    address private constant REST = address(0x4e57);

    function test_a_payment_is_shared_out(uint8 which) public {
        _pay(which, "order-1");
        vm.assertEq(_split().owed(ANN), PRICE * 3_333 / 10_000);
        vm.assertEq(_split().owed(BOB), PRICE * 1 / 10_000);
        vm.assertEq(_split().owed(REST), PRICE - PRICE * 3_333 / 10_000 - PRICE / 10_000);
    }

    function test_the_order_is_said() public {
        vm.expectEmit(address(callback));
        emit RevenueSplit.PaymentSplit(keccak256("order-1"), PAYER, PRICE);
        _pay(0, "order-1");
    }

    /// @dev However the amounts fall, nothing is lost in rounding and nothing is promised twice.
    function test_shares_add_up_to_the_payments(uint64[4] calldata amounts) public {
        uint256 sum;
        for (uint256 i; i < 4; ++i) {
            uint256 amount = 1 + amounts[i] % (10 * PRICE);
            sum += amount;
            _payAmount(abi.encode(i), amount);
            vm.assertEq(_split().owed(ANN) + _split().owed(BOB) + _split().owed(REST), sum);
            vm.assertEq(callback.liabilities(address(usd)), sum);
        }
        uint256 taken = _withdraw(ANN) + _withdraw(BOB) + _withdraw(REST);
        vm.assertEq(taken, sum);
        vm.assertEq(usd.balanceOf(address(callback)), 0);
        _assertBooksBalance();
    }

    function test_a_party_takes_what_it_is_owed_to_where_it_likes() public {
        _pay(0, "order-1");
        uint256 owed = _split().owed(ANN);
        vm.expectEmit(address(callback));
        emit RevenueSplit.ShareWithdrawn(ANN, STRANGER, owed);
        vm.prank(ANN);
        vm.assertEq(_split().withdraw(STRANGER), owed);
        vm.assertEq(usd.balanceOf(STRANGER), owed);
        vm.assertEq(_split().owed(ANN), 0);
        vm.assertEq(callback.liabilities(address(usd)), PRICE - owed);
        _assertBooksBalance();
        _assertRefusedTo(ANN, abi.encodeCall(RevenueSplit.withdraw, (ANN)), _nothingOwed(ANN));
    }

    function test_withdraw_reverts_for_who_is_owed_nothing(address caller) public {
        _pay(0, "order-1");
        vm.assume(caller != ANN && caller != BOB && caller != REST);
        _assertRefusedTo(caller, abi.encodeCall(RevenueSplit.withdraw, (caller)), _nothingOwed(caller));
    }

    function test_one_partys_trouble_is_nobody_elses() public {
        vm.prank(ADMIN);
        usd.setBlacklisted(ANN, true);
        _pay(0, "order-1");
        vm.assertTrue(_withdraw(REST) != 0);
        uint256 owed = _split().owed(ANN);
        vm.prank(ANN);
        _split().withdraw(STRANGER);
        vm.assertEq(usd.balanceOf(STRANGER), owed, "another address of the party's");
    }

    function test_withdraw_works_when_nothing_else_does() public {
        _pay(2, "order-1");
        _shutDown();
        vm.assertTrue(_withdraw(ANN) != 0);
    }

    function test_C6_withdraw_is_shut_while_the_token_moves() public {
        ReentrantToken token = ReentrantToken(Make.it("ReentrantToken"));
        _fund(token, DELEGATE);
        callback = _callback(_shares(address(token), 5_000), address(token), REST);
        Request memory request = _base("order-1", PRICE);
        request.token = address(token);
        (request.pull,) = clerk.sign(request, DELEGATE_KEY, PAYER_KEY);
        token.arm(address(callback), abi.encodeCall(RevenueSplit.withdraw, (STRANGER)));
        _submit(request);
        vm.assertFalse(token.gotThrough());
        vm.assertEq(bytes32(bytes4(token.answer())), bytes32(bytes4(keccak256("ReentrancyGuardReentrantCall()"))));
    }

    function test_ten_parties_have_gas_enough() public {
        RevenueSplit.Share[] memory shares = new RevenueSplit.Share[](10);
        for (uint256 i; i < 10; ++i) {
            shares[i] = RevenueSplit.Share(address(uint160(i + 100)), 999);
        }
        callback = _callback(shares, address(usd), REST);
        _payAmount("order-1", PRICE);
        vm.assertEq(_split().owed(REST), PRICE - 10 * uint256(PRICE * 999 / 10_000));
        vm.assertEq(_split().shares().length, 10);
        vm.assertEq(_split().shares()[9].party, address(109));
    }

    function test_the_whole_may_be_shared_and_the_rest_is_rounding() public {
        callback = _callback(_shares(ANN, 10_000), address(usd), REST);
        _payAmount("order-1", 3);
        vm.assertEq(_split().owed(ANN), 3);
        vm.assertEq(_split().owed(REST), 0);
    }

    function test_the_constructor_refuses_shares_that_make_no_sense() public {
        _assertSharesRefused(_shares(ANN, 10_001), REST);
        _assertSharesRefused(_shares(ANN, 0), REST);
        _assertSharesRefused(_shares(address(0), 1), REST);
        _assertSharesRefused(_shares(ANN, 1), address(0));
        RevenueSplit.Share[] memory many = new RevenueSplit.Share[](11);
        for (uint256 i; i < 11; ++i) {
            many[i] = RevenueSplit.Share(ANN, 1);
        }
        _assertSharesRefused(many, REST);
    }

    function make(RevenueSplit.Share[] memory shares, address token, address rest) public returns (address) {
        PaymentGuard.Bounds memory bounds = PaymentGuard.Bounds(1, 10 * PRICE);
        return Make.it("RevenueSplit", abi.encode(ADMIN, _list(DELEGATE), token, PERMIT2, bounds, shares, rest));
    }

    function _make(address token) internal override returns (address) {
        RevenueSplit.Share[] memory shares = new RevenueSplit.Share[](2);
        shares[0] = RevenueSplit.Share(ANN, 3_333);
        shares[1] = RevenueSplit.Share(BOB, 1);
        return make(shares, token, REST);
    }

    function _isOwed() internal pure override returns (bool) {
        return true;
    }

    function _callback(RevenueSplit.Share[] memory shares, address token, address rest)
        private
        returns (MisbehavingCallback)
    {
        return MisbehavingCallback(make(shares, token, rest));
    }

    function _shares(address party, uint16 basisPoints) private pure returns (RevenueSplit.Share[] memory shares) {
        shares = new RevenueSplit.Share[](1);
        shares[0] = RevenueSplit.Share(party, basisPoints);
    }

    function _assertSharesRefused(RevenueSplit.Share[] memory shares, address rest) private {
        vm.expectRevert(RevenueSplit.SharesInvalid.selector);
        this.make(shares, address(usd), rest);
    }

    function _withdraw(address party) private returns (uint256) {
        if (_split().owed(party) == 0) return 0;
        vm.prank(party);
        return _split().withdraw(party);
    }

    function _split() private view returns (RevenueSplit) {
        return RevenueSplit(address(callback));
    }

    function _nothingOwed(address caller) private pure returns (bytes memory) {
        return abi.encodeWithSelector(RevenueSplit.NothingOwed.selector, caller);
    }
}
