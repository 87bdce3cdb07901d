// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PaymentGuard} from "contracts/base/PaymentGuard.sol";
import {TestUSD} from "contracts/mocks/TestUSD.sol";
import {FalseReturningToken} from "contracts/mocks/hostile/FalseReturningToken.sol";
import {FeeTakingToken} from "contracts/mocks/hostile/FeeTakingToken.sol";
import {LookAlikeToken} from "contracts/mocks/hostile/LookAlikeToken.sol";
import {X402Callback} from "contracts/X402Callback.sol";
import {CallbackTest} from "../base/CallbackTest.sol";
import {Entry, Request} from "../base/Request.sol";
import {Make} from "../base/Make.sol";
import {vm} from "../base/Vm.sol";

/// @title C4: only listed tokens and Permit2s; and of a listed token, exactly the amount arrives or nothing happens.
contract C4TokensAndPermit2Test is CallbackTest {
    function test_every_entry_reverts_when_the_token_is_not_listed(address token, uint8 which) public {
        vm.assume(token != address(usd));
        Request memory request = _request(_entry(which));
        request.token = token;
        _sign(request);
        _assertRefused(request, abi.encodeWithSelector(PaymentGuard.TokenNotListed.selector, token));
    }

    function test_every_entry_reverts_when_the_token_is_a_copy_with_the_same_name() public {
        TestUSD copy = TestUSD(Make.it("TestUSD", abi.encode(STRANGER)));
        _fund(copy, DELEGATE);
        for (uint256 i; i < 4; ++i) {
            Request memory request = _request(_entry(i));
            request.token = address(copy);
            _sign(request);
            _assertRefused(request, abi.encodeWithSelector(PaymentGuard.TokenNotListed.selector, address(copy)));
        }
    }

    function test_entries_revert_when_the_permit2_is_not_listed(address permit2, bool withCalldata) public {
        vm.assume(permit2 != PERMIT2);
        Request memory request = _request(withCalldata ? Entry.Permit2WithCalldata : Entry.Permit2);
        request.permit2 = permit2;
        _sign(request);
        _assertRefused(request, abi.encodeWithSelector(PaymentGuard.Permit2NotListed.selector, permit2));
    }

    /// @dev A Permit2 that says yes and moves nothing, listed by mistake: the balance tells.
    function test_entries_revert_when_a_listed_permit2_moves_nothing() public {
        FalseReturningToken yes = FalseReturningToken(Make.it("FalseReturningToken"));
        vm.prank(ADMIN);
        callback.listPermit2(address(yes), true);
        Request memory request = _request(Entry.Permit2);
        request.permit2 = address(yes);
        _sign(request);
        _assertRefused(request, _notReceived(request, 0));
    }

    function test_every_entry_reverts_when_the_token_takes_a_fee() public {
        FeeTakingToken token = FeeTakingToken(Make.it("FeeTakingToken"));
        _fund(token, DELEGATE);
        for (uint256 i; i < 4; ++i) {
            Request memory request = _requestIn(address(token), _entry(i));
            _assertRefused(request, _notReceived(request, request.amount - request.amount / 100));
            vm.assertEq(token.balanceOf(address(callback)), 0, "the short payment went back");
        }
    }

    function test_entries_revert_when_the_token_returns_false() public {
        FalseReturningToken token = FalseReturningToken(Make.it("FalseReturningToken"));
        token.mint(DELEGATE, FUNDS);
        for (uint256 i; i < 4; i += 2) {
            Request memory request = _requestIn(address(token), _entry(i));
            _assertRefused(request, _notReceived(request, 0));
        }
    }

    function test_every_entry_reverts_when_the_token_only_logs_the_transfer() public {
        LookAlikeToken token = LookAlikeToken(Make.it("LookAlikeToken"));
        _fund(token, DELEGATE);
        for (uint256 i; i < 4; ++i) {
            Request memory request = _requestIn(address(token), _entry(i));
            _assertRefused(request, _notReceived(request, 0));
        }
    }

    function test_entries_revert_when_the_listed_token_has_no_code() public {
        address nothing = address(0x404);
        vm.prank(ADMIN);
        callback.listToken(nothing, true);
        Request memory request = _request(Entry.Eip3009);
        request.token = nothing;
        _sign(request);
        _assertRefused(request, "");
    }

    function test_lists_let_in_and_out_again() public {
        vm.expectEmit(address(callback));
        emit PaymentGuard.TokenListed(address(usd), false);
        vm.prank(ADMIN);
        callback.listToken(address(usd), false);
        vm.expectEmit(address(callback));
        emit PaymentGuard.Permit2Listed(PERMIT2, false);
        vm.prank(ADMIN);
        callback.listPermit2(PERMIT2, false);
        _assertRefused(
            _request(Entry.Eip3009), abi.encodeWithSelector(PaymentGuard.TokenNotListed.selector, address(usd))
        );
        vm.prank(ADMIN);
        callback.listToken(address(usd), true);
        _assertRefused(_request(Entry.Permit2), abi.encodeWithSelector(PaymentGuard.Permit2NotListed.selector, PERMIT2));
        _assertAccepted(_request(Entry.Eip3009));
    }

    function _requestIn(address token, Entry entry) private returns (Request memory request) {
        vm.prank(ADMIN);
        callback.listToken(token, true);
        request = _request(entry);
        request.token = token;
        _sign(request);
    }

    function _notReceived(Request memory request, uint256 received) private pure returns (bytes memory) {
        return abi.encodeWithSelector(
            X402Callback.AmountNotReceived.selector, request.orderId, request.amount, uint256(0), received
        );
    }
}
