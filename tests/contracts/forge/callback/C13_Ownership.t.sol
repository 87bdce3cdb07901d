// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {PaymentBooks} from "contracts/base/PaymentBooks.sol";
import {PaymentGuard} from "contracts/base/PaymentGuard.sol";
import {TwoStepOwner} from "contracts/base/TwoStepOwner.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {CallbackTest} from "../base/CallbackTest.sol";
import {Entry, Request} from "../base/Request.sol";
import {Make} from "../base/Make.sol";
import {OwnedTest} from "../base/OwnedTest.sol";
import {vm} from "../base/Vm.sol";

/// @title C13: nobody takes the contract over, and its owner takes declared revenue and nothing else.
contract C13OwnershipTest is CallbackTest, OwnedTest {
    function test_owners_functions_revert_when_anybody_else_calls(address caller, uint8 which) public {
        vm.assume(caller != ADMIN);
        bytes[8] memory calls = [
            abi.encodeCall(callback.listCaller, (caller, true)),
            abi.encodeCall(callback.listToken, (caller, true)),
            abi.encodeCall(callback.listPermit2, (caller, true)),
            abi.encodeCall(callback.listAction, (bytes4(0), PaymentGuard.Bounds(1, 2))),
            abi.encodeCall(callback.withdrawRevenue, (address(usd), caller, 0)),
            abi.encodeCall(callback.declareSurplus, (address(usd))),
            abi.encodeCall(callback.transferOwnership, (caller)),
            abi.encodeCall(callback.renounceOwnership, ())
        ];
        _assertOwnersAlone(calls[which % 8], caller);
    }

    function test_constructor_reverts_without_an_owner() public {
        PaymentGuard.Lists memory lists =
            PaymentGuard.Lists(address(0), _list(DELEGATE), _list(address(usd)), _list(PERMIT2));
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        MisbehavingCallback(Make.it("MisbehavingCallback", abi.encode(lists, new PaymentGuard.Action[](0), ACTION_GAS)));
    }

    function test_there_is_no_initialiser_and_no_way_to_upgrade() public {
        string[6] memory doors = [
            "initialize()",
            "initialize(address)",
            "upgradeTo(address)",
            "upgradeToAndCall(address,bytes)",
            "setOwner(address)",
            "proxiableUUID()"
        ];
        for (uint256 i; i < doors.length; ++i) {
            vm.prank(ADMIN);
            (bool success,) = address(callback).call(abi.encodeWithSignature(doors[i], STRANGER, ""));
            vm.assertFalse(success, doors[i]);
        }
    }

    function test_withdrawRevenue_pays_what_was_earned() public {
        Request memory request = _request(Entry.Eip3009);
        _assertAccepted(request);
        vm.expectEmit(address(callback));
        emit PaymentBooks.RevenueWithdrawn(address(usd), STRANGER, request.amount);
        vm.prank(ADMIN);
        callback.withdrawRevenue(address(usd), STRANGER, request.amount);
        vm.assertEq(usd.balanceOf(STRANGER), request.amount);
        vm.assertEq(callback.revenue(address(usd)), 0);
        _assertBooksBalance();
    }

    function test_withdrawRevenue_reverts_when_it_would_touch_what_is_owed(uint256 amount) public {
        Request memory owed = _request(Entry.Eip3009WithCalldata);
        owed.action = abi.encodeCall(MisbehavingCallback.owe, ());
        _sign(owed);
        _assertAccepted(owed);
        Request memory earned = _request(Entry.Eip3009);
        earned.nonce = earned.orderId = keccak256("order-2");
        _sign(earned);
        _assertAccepted(earned);
        vm.assume(amount > earned.amount);
        vm.expectRevert(
            abi.encodeWithSelector(PaymentBooks.RevenueTooSmall.selector, address(usd), amount, earned.amount)
        );
        vm.prank(ADMIN);
        callback.withdrawRevenue(address(usd), ADMIN, amount);
        vm.prank(ADMIN);
        vm.assertEq(callback.declareSurplus(address(usd)), 0, "what is owed is no surplus");
    }

    function test_declareSurplus_books_what_came_by_mistake(uint64 stray) public {
        Request memory request = _request(Entry.Eip3009);
        usd.mint(address(callback), stray);
        _submit(request);
        vm.expectEmit(address(callback));
        emit PaymentBooks.SurplusDeclared(address(usd), stray);
        vm.prank(ADMIN);
        callback.declareSurplus(address(usd));
        vm.assertEq(callback.revenue(address(usd)), request.amount + stray);
        _assertBooksBalance();
    }

    function _owned() internal view override returns (TwoStepOwner) {
        return callback;
    }
}
