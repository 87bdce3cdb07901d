// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PaymentGuard} from "contracts/base/PaymentGuard.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {CallbackTest} from "../base/CallbackTest.sol";
import {Entry, Request} from "../base/Request.sol";
import {vm} from "../base/Vm.sol";

/// @title C2: only a listed selector runs, for a listed price; calldata without a selector is refused.
contract C2SelectorsTest is CallbackTest {
    function test_entries_have_the_selectors_of_the_published_abi() public view {
        vm.assertEq(bytes32(callback.x402SpentEip3009.selector), bytes32(bytes4(0x0bf29d00)));
        vm.assertEq(bytes32(callback.x402SpentPermit2.selector), bytes32(bytes4(0xed1a2433)));
        vm.assertEq(bytes32(callback.x402SpentEip3009WithCalldata.selector), bytes32(bytes4(0xc42315e4)));
        vm.assertEq(bytes32(callback.x402SpentPermit2WithCalldata.selector), bytes32(bytes4(0x5f010bfd)));
    }

    function test_entries_revert_when_the_calldata_is_too_short(bytes3 start, uint8 length, bool byPermit2) public {
        Request memory request = _chosen(byPermit2);
        request.action = new bytes(length % 4);
        for (uint256 i; i < request.action.length; ++i) {
            request.action[i] = start[i];
        }
        _sign(request);
        _assertRefused(request, abi.encodeWithSelector(PaymentGuard.CalldataTooShort.selector, request.action.length));
    }

    function test_entries_revert_when_the_selector_is_not_listed(bytes4 selector, bytes calldata rest, bool byPermit2)
        public
    {
        (, uint128 maximum) = callback.boundsOf(selector);
        vm.assume(maximum == 0);
        Request memory request = _chosen(byPermit2);
        request.action = bytes.concat(selector, rest);
        _sign(request);
        _assertRefused(request, abi.encodeWithSelector(PaymentGuard.ActionNotListed.selector, selector));
    }

    /// @dev The hole that this contract exists to close: a sample that calls itself with any selector.
    function test_entries_revert_when_the_selector_is_one_of_the_contract_itself() public {
        bytes4[6] memory own = [
            callback.performAction.selector,
            callback.withdrawRevenue.selector,
            callback.declareSurplus.selector,
            callback.listCaller.selector,
            callback.transferOwnership.selector,
            callback.acceptOwnership.selector
        ];
        for (uint256 i; i < own.length; ++i) {
            Request memory request = _chosen(i % 2 == 0);
            request.action = abi.encodeWithSelector(own[i], STRANGER, true, uint256(1));
            _sign(request);
            _assertRefused(request, abi.encodeWithSelector(PaymentGuard.ActionNotListed.selector, own[i]));
        }
    }

    /// @dev Even if the owner lists it by mistake: calldata is read, never called.
    function test_entries_revert_when_a_selector_without_an_action_is_listed() public {
        bytes4 selector = callback.transferOwnership.selector;
        vm.prank(ADMIN);
        callback.listAction(selector, PaymentGuard.Bounds(MINIMUM, MAXIMUM));
        Request memory request = _chosen(false);
        request.action = abi.encodeCall(callback.transferOwnership, (STRANGER));
        _sign(request);
        _assertRefused(request, abi.encodeWithSelector(PaymentGuard.ActionNotListed.selector, selector));
        vm.assertEq(callback.owner(), ADMIN);
        vm.assertEq(callback.pendingOwner(), address(0));
    }

    function test_entries_revert_when_calldata_names_the_base_action() public {
        Request memory request = _chosen(true);
        request.action = abi.encodePacked(bytes4(0), "anything");
        _sign(request);
        _assertRefused(request, abi.encodeWithSelector(PaymentGuard.ActionNotListed.selector, bytes4(0)));
    }

    function test_entries_revert_when_the_amount_is_below_the_minimum(uint8 which, uint256 amount) public {
        _assertOutOfBounds(_entry(which), amount % MINIMUM);
    }

    function test_entries_revert_when_the_amount_is_above_the_maximum(uint8 which, uint256 amount) public {
        _assertOutOfBounds(_entry(which), uint256(MAXIMUM) + 1 + amount % FUNDS);
    }

    function test_entries_accept_both_ends_of_the_price() public {
        uint128[2] memory ends = [MINIMUM, MAXIMUM];
        for (uint256 i; i < 8; ++i) {
            Request memory request = _request(_entry(i / 2));
            request.amount = ends[i % 2];
            request.nonce = request.orderId = keccak256(abi.encode(i));
            request.calldataNonce = uint256(request.nonce);
            _sign(request);
            _assertAccepted(request);
        }
    }

    function test_listAction_strikes_an_action_off() public {
        vm.expectEmit(address(callback));
        emit PaymentGuard.ActionListed(MisbehavingCallback.behave.selector, 0, 0);
        vm.prank(ADMIN);
        callback.listAction(MisbehavingCallback.behave.selector, PaymentGuard.Bounds(0, 0));
        _assertRefused(
            _chosen(false),
            abi.encodeWithSelector(PaymentGuard.ActionNotListed.selector, MisbehavingCallback.behave.selector)
        );
    }

    function test_listAction_strikes_the_base_action_off() public {
        vm.prank(ADMIN);
        callback.listAction(bytes4(0), PaymentGuard.Bounds(0, 0));
        bytes memory error_ = abi.encodeWithSelector(PaymentGuard.ActionNotListed.selector, bytes4(0));
        _assertRefused(_request(Entry.Eip3009), error_);
        _assertRefused(_request(Entry.Permit2), error_);
    }

    function test_listAction_reverts_when_the_bounds_make_no_price(uint128 minimum, uint128 maximum) public {
        vm.assume(minimum == 0 ? maximum != 0 : minimum > maximum);
        vm.expectRevert(abi.encodeWithSelector(PaymentGuard.BoundsInvalid.selector, minimum, maximum));
        vm.prank(ADMIN);
        callback.listAction(0x12345678, PaymentGuard.Bounds(minimum, maximum));
    }

    function _assertOutOfBounds(Entry entry, uint256 amount) private {
        Request memory request = _request(entry);
        request.amount = amount;
        _sign(request);
        bytes4 selector = _hasCalldata(entry) ? bytes4(request.action) : bytes4(0);
        _assertRefused(
            request, abi.encodeWithSelector(PaymentGuard.AmountOutOfBounds.selector, selector, amount, MINIMUM, MAXIMUM)
        );
    }

    function _chosen(bool byPermit2) private view returns (Request memory) {
        return _request(byPermit2 ? Entry.Permit2WithCalldata : Entry.Eip3009WithCalldata);
    }
}
