// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {ActionFrame} from "contracts/base/ActionFrame.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {ReentrantToken} from "contracts/mocks/hostile/ReentrantToken.sol";
import {CallbackTest} from "../base/CallbackTest.sol";
import {Entry, Request} from "../base/Request.sol";
import {Make} from "../base/Make.sol";
import {vm} from "../base/Vm.sol";

/// @title C6: neither token nor action gets back in while a payment is worked on.
contract C6ReentrancyTest is CallbackTest {
    function test_every_entry_refuses_a_token_that_calls_back_in() public {
        ReentrantToken token = _hostileToken();
        for (uint256 i; i < 4; ++i) {
            Request memory inner = _request(_entry(i));
            inner.token = address(token);
            inner.nonce = inner.orderId = keccak256(abi.encode("inner", i));
            inner.calldataNonce = uint256(inner.nonce);
            _sign(inner);
            token.arm(address(callback), _encode(inner));
            _handIn(token, keccak256(abi.encode("outer", i)));
            vm.assertFalse(token.gotThrough(), "the call back in failed");
            vm.assertFalse(callback.isConsumed(inner.orderId), "the inner order was not worked on");
        }
        vm.assertEq(callback.totalEffects(), 4, "only the outer payments had an effect");
    }

    function test_the_token_is_refused_for_the_guard_and_not_for_who_it_is() public {
        ReentrantToken token = _hostileToken();
        Request memory inner = _request(Entry.Eip3009);
        token.arm(address(callback), _encode(inner));
        _handIn(token, keccak256("outer"));
        bytes4 reason = bytes4(token.answer());
        vm.assertEq(bytes32(reason), bytes32(ReentrancyGuard.ReentrancyGuardReentrantCall.selector));
    }

    function test_withdrawRevenue_is_shut_while_a_payment_is_worked_on() public {
        ReentrantToken token = _hostileToken();
        vm.prank(ADMIN);
        callback.transferOwnership(address(token));
        vm.prank(address(token));
        callback.acceptOwnership();
        token.arm(address(callback), abi.encodeCall(callback.withdrawRevenue, (address(token), STRANGER, 0)));
        _handIn(token, keccak256("outer"));
        vm.assertEq(bytes32(bytes4(token.answer())), bytes32(ReentrancyGuard.ReentrancyGuardReentrantCall.selector));
        token.arm(address(callback), abi.encodeCall(callback.declareSurplus, (address(token))));
        _handIn(token, keccak256("outer-2"));
        vm.assertEq(bytes32(bytes4(token.answer())), bytes32(ReentrancyGuard.ReentrancyGuardReentrantCall.selector));
    }

    function test_an_action_cannot_enter_the_frame_again() public {
        ActionFrame.Payment memory forged = ActionFrame.Payment(keccak256("forged"), PAYER, address(usd), 5_000_000);
        _callsOut(address(callback), abi.encodeCall(callback.performAction, (forged, "")));
        vm.assertFalse(callback.callSucceeded());
        vm.assertEq(bytes32(bytes4(callback.callAnswer())), bytes32(ActionFrame.FrameClosed.selector));
        vm.assertEq(callback.effects(forged.orderId), 0, "nothing was done for the forged payment");
    }

    function test_an_action_cannot_hand_in_another_payment() public {
        vm.prank(ADMIN);
        callback.listCaller(address(callback), true);
        Request memory inner = _request(Entry.Eip3009);
        inner.nonce = inner.orderId = keccak256("inner");
        _sign(inner);
        _callsOut(address(callback), _encode(inner));
        vm.assertEq(
            bytes32(bytes4(callback.callAnswer())), bytes32(ReentrancyGuard.ReentrancyGuardReentrantCall.selector)
        );
    }

    function test_performAction_reverts_when_called_from_outside(address caller) public {
        ActionFrame.Payment memory forged = ActionFrame.Payment(keccak256("forged"), PAYER, address(usd), 5_000_000);
        vm.expectRevert(abi.encodeWithSelector(ActionFrame.FrameClosed.selector, caller));
        vm.prank(caller);
        callback.performAction(forged, "");
    }

    function _hostileToken() private returns (ReentrantToken token) {
        token = ReentrantToken(Make.it("ReentrantToken"));
        _fund(token, DELEGATE);
        vm.startPrank(ADMIN);
        callback.listToken(address(token), true);
        callback.listCaller(address(token), true);
        vm.stopPrank();
    }

    function _handIn(ReentrantToken token, bytes32 orderId) private {
        Request memory outer = _request(Entry.Eip3009);
        outer.token = address(token);
        outer.nonce = outer.orderId = orderId;
        _sign(outer);
        _submit(outer);
    }

    function _callsOut(address target, bytes memory data) private {
        Request memory request = _request(Entry.Eip3009WithCalldata);
        request.action = abi.encodeCall(MisbehavingCallback.callOut, (target, data));
        _sign(request);
        _assertAccepted(request);
    }
}
