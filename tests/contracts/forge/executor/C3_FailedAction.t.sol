// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BoundedCall} from "contracts/base/BoundedCall.sol";
import {PaymentBooks} from "contracts/base/PaymentBooks.sol";
import {PaymentGuard} from "contracts/base/PaymentGuard.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {ExecutorTest} from "../base/ExecutorTest.sol";
import {Purchase, Way} from "../base/Purchase.sol";
import {vm} from "../base/Vm.sol";

/// @title C3: a failed action undoes the payment, says why, and leaves the signature good.
contract C3ExecutorFailedActionTest is ExecutorTest {
    function test_a_short_error_comes_through_as_it_is(uint256 argument) public {
        bytes memory reason = abi.encodeWithSignature("SoldOut(uint256)", argument);
        _assertFailsWith(reason, reason);
    }

    function test_a_long_error_comes_through_as_its_first_word() public {
        bytes memory reason = abi.encodeWithSignature("Error(string)", "a reason of some length, in words");
        bytes32 orderId = _purchase(Way.Eip3009).payment.orderId;
        _assertFailsWith(reason, abi.encodeWithSelector(BoundedCall.ActionFailed.selector, orderId, bytes32(reason)));
    }

    function test_a_silent_failure_is_not_silent() public {
        bytes32 orderId = _purchase(Way.Eip3009).payment.orderId;
        _assertFailsWith("", abi.encodeWithSelector(BoundedCall.ActionFailed.selector, orderId, bytes32(0)));
    }

    function test_entries_revert_when_the_action_hoards_the_money() public {
        Purchase memory p = _purchase(Way.Eip3009);
        p.payment.callData = abi.encodeCall(MisbehavingCallback.hoard, ());
        _sign(p);
        uint256 amount = p.payment.amount;
        _assertRejected(
            p, abi.encodeWithSelector(PaymentBooks.BooksOutOfBalance.selector, address(usd), amount, uint256(0))
        );
    }

    /// @dev The action was struck off when the payment came, and is back: the same signature buys it now.
    function test_the_same_signature_works_when_the_reason_is_gone() public {
        for (uint256 i; i < 3; ++i) {
            Purchase memory p = _purchase(_way(i));
            _order(p, abi.encode(i));
            vm.prank(ADMIN);
            callback.listAction(callback.behave.selector, PaymentGuard.Bounds(0, 0));
            _assertRejected(p, abi.encodeWithSelector(PaymentGuard.ActionNotListed.selector, callback.behave.selector));
            vm.prank(ADMIN);
            callback.listAction(callback.behave.selector, PaymentGuard.Bounds(MINIMUM, MAXIMUM));
            _assertExecuted(p);
        }
    }

    function test_the_payer_may_cancel_what_failed() public {
        Purchase memory p = _purchase(Way.Eip3009);
        vm.prank(ADMIN);
        usd.pause();
        _assertRejected(p);
        vm.prank(ADMIN);
        usd.unpause();
        _cancel(notary.commitment(p));
        _assertRejected(p);
    }

    function test_entries_revert_when_the_deadline_passed() public {
        for (uint256 i; i < 3; ++i) {
            Purchase memory p = _purchase(_way(i));
            vm.warp(p.payment.deadline + 1);
            _assertRejected(p);
        }
    }

    function _cancel(bytes32 nonce) private {
        bytes32 structHash =
            keccak256(abi.encode(keccak256("CancelAuthorization(address authorizer,bytes32 nonce)"), PAYER, nonce));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", usd.DOMAIN_SEPARATOR(), structHash));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(PAYER_KEY, digest);
        usd.cancelAuthorization(PAYER, nonce, abi.encodePacked(r, s, v));
    }

    function _assertFailsWith(bytes memory reason, bytes memory expected) private {
        for (uint256 i; i < 3; ++i) {
            Purchase memory p = _purchase(_way(i));
            p.payment.callData = abi.encodeCall(MisbehavingCallback.fail, (reason));
            _sign(p);
            _assertRejected(p, expected);
        }
    }
}
