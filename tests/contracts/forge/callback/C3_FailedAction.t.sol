// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BoundedCall} from "contracts/base/BoundedCall.sol";
import {PaymentBooks} from "contracts/base/PaymentBooks.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {CallbackTest} from "../base/CallbackTest.sol";
import {Entry, Request} from "../base/Request.sol";
import {vm} from "../base/Vm.sol";

/// @title C3: a failed action undoes everything; it is never swallowed.
contract C3FailedActionTest is CallbackTest {
    error Argument(uint256 value);
    error Bare();

    function test_entries_revert_when_the_action_reverts_with_an_argument() public {
        _assertFailsWith(abi.encodeWithSelector(Argument.selector, 7), abi.encodeWithSelector(Argument.selector, 7));
    }

    function test_entries_revert_when_the_action_reverts_with_a_bare_error() public {
        _assertFailsWith(abi.encodeWithSelector(Bare.selector), abi.encodeWithSelector(Bare.selector));
    }

    function test_entries_revert_when_the_action_reverts_without_an_error() public {
        bytes32 orderId = _request(Entry.Eip3009).orderId;
        _assertFailsWith("", abi.encodeWithSelector(BoundedCall.ActionFailed.selector, orderId, bytes32(0)));
    }

    function test_entries_revert_when_the_action_reverts_with_less_than_a_selector() public {
        bytes32 orderId = _request(Entry.Eip3009).orderId;
        bytes memory expected =
            abi.encodeWithSelector(BoundedCall.ActionFailed.selector, orderId, bytes32(bytes3(0x010203)));
        _assertFailsWith(hex"010203", expected);
    }

    function test_entries_revert_when_the_action_reverts_at_length(bytes calldata reason) public {
        vm.assume(reason.length > 36);
        bytes32 orderId = _request(Entry.Eip3009).orderId;
        _assertFailsWith(reason, abi.encodeWithSelector(BoundedCall.ActionFailed.selector, orderId, bytes32(reason)));
    }

    function test_entries_revert_when_the_arguments_do_not_decode() public {
        Request memory request = _request(Entry.Eip3009WithCalldata);
        request.action = abi.encodePacked(MisbehavingCallback.fail.selector, uint256(1 << 200));
        _sign(request);
        _assertRefused(request, abi.encodeWithSelector(BoundedCall.ActionFailed.selector, request.orderId, bytes32(0)));
    }

    function test_entries_revert_when_the_action_burns_all_its_gas() public {
        Request memory request = _request(Entry.Permit2WithCalldata);
        request.action = abi.encodeCall(MisbehavingCallback.burnGas, ());
        _sign(request);
        _assertRefused(request, abi.encodeWithSelector(BoundedCall.ActionFailed.selector, request.orderId, bytes32(0)));
    }

    function test_entries_revert_when_the_action_books_nothing() public {
        Request memory request = _request(Entry.Eip3009WithCalldata);
        request.action = abi.encodeCall(MisbehavingCallback.hoard, ());
        _sign(request);
        _assertRefused(
            request,
            abi.encodeWithSelector(PaymentBooks.BooksOutOfBalance.selector, address(usd), request.amount, uint256(0))
        );
    }

    function test_entries_revert_when_the_action_sends_booked_money_away(uint256 amount) public {
        amount = 1 + amount % 2_000_000;
        Request memory request = _request(Entry.Permit2WithCalldata);
        request.action = abi.encodeCall(MisbehavingCallback.embezzle, (STRANGER, amount));
        _sign(request);
        uint256 left = request.amount - amount;
        _assertRefused(
            request, abi.encodeWithSelector(PaymentBooks.BooksOutOfBalance.selector, address(usd), left, request.amount)
        );
    }

    /// @dev What a failure leaves behind is nothing at all: the delegate wallet may still refund with the same nonce,
    /// or the same request may be handed in again when the reason is gone.
    function test_a_failed_payment_can_be_handed_in_again_or_refunded() public {
        Request memory request = _request(Entry.Eip3009WithCalldata);
        vm.prank(ADMIN);
        usd.pause();
        vm.expectRevert();
        this.submit(request);
        vm.assertFalse(callback.isConsumed(request.orderId));
        vm.assertFalse(usd.authorizationState(DELEGATE, request.nonce));
        vm.prank(ADMIN);
        usd.unpause();
        _assertAccepted(request);
        vm.assertTrue(usd.authorizationState(DELEGATE, request.nonce));
    }

    function _assertFailsWith(bytes memory reason, bytes memory expected) private {
        Entry[2] memory entries = [Entry.Eip3009WithCalldata, Entry.Permit2WithCalldata];
        for (uint256 i; i < entries.length; ++i) {
            Request memory request = _request(entries[i]);
            request.action = abi.encodeCall(MisbehavingCallback.fail, (reason));
            _sign(request);
            _assertRefused(request, expected);
            vm.assertFalse(usd.authorizationState(DELEGATE, request.nonce), "the nonce is unused");
            vm.assertEq(usd.balanceOf(DELEGATE), FUNDS, "the delegate wallet keeps the money");
        }
    }
}
