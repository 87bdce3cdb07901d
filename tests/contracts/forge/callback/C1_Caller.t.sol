// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PaymentGuard} from "contracts/base/PaymentGuard.sol";
import {CallbackTest} from "../base/CallbackTest.sol";
import {Entry, Request} from "../base/Request.sol";
import {vm} from "../base/Vm.sol";

/// @title C1: only a listed caller hands payments in.
contract C1CallerTest is CallbackTest {
    function test_every_entry_accepts_the_delegate_wallet() public {
        for (uint256 i; i < 4; ++i) {
            Request memory request = _request(_entry(i));
            request.nonce = request.orderId = keccak256(abi.encode(i));
            request.calldataNonce = uint256(request.nonce);
            _sign(request);
            _assertAccepted(request);
        }
    }

    function test_every_entry_reverts_when_the_caller_is_not_listed(address caller, uint8 which) public {
        vm.assume(caller != DELEGATE);
        Request memory request = _request(_entry(which));
        request.caller = caller;
        _assertRefused(request, abi.encodeWithSelector(PaymentGuard.CallerNotListed.selector, caller));
    }

    function test_every_entry_reverts_when_the_payer_or_the_owner_calls() public {
        for (uint256 i; i < 4; ++i) {
            Request memory request = _request(_entry(i));
            request.caller = PAYER;
            _assertRefused(request, abi.encodeWithSelector(PaymentGuard.CallerNotListed.selector, PAYER));
            request.caller = ADMIN;
            _assertRefused(request, abi.encodeWithSelector(PaymentGuard.CallerNotListed.selector, ADMIN));
        }
    }

    function test_listCaller_lets_a_relayer_in_and_out_again() public {
        Request memory request = _request(Entry.Eip3009);
        request.caller = STRANGER;
        vm.expectEmit(address(callback));
        emit PaymentGuard.CallerListed(STRANGER, true);
        vm.prank(ADMIN);
        callback.listCaller(STRANGER, true);
        uint256 before = vm.snapshotState();
        _assertAccepted(request);
        vm.revertToState(before);
        vm.prank(ADMIN);
        callback.listCaller(STRANGER, false);
        _assertRefused(request, abi.encodeWithSelector(PaymentGuard.CallerNotListed.selector, STRANGER));
    }
}
