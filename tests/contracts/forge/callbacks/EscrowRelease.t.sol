// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PaymentGuard} from "contracts/base/PaymentGuard.sol";
import {EscrowRelease} from "contracts/callbacks/EscrowRelease.sol";
import {ReentrantToken} from "contracts/mocks/hostile/ReentrantToken.sol";
import {Make} from "../base/Make.sol";
import {OneTokenTest} from "../base/OneTokenTest.sol";
import {Request} from "../base/Request.sol";
import {vm} from "../base/Vm.sol";

/// @title EscrowRelease: who may do what with a held payment, and when; the payer's way out needs nobody.
contract EscrowReleaseTest is OneTokenTest {
    address private constant ARBITER = address(0xa4b);
    uint64 private constant PERIOD = 7 days;

    function test_a_payment_is_held_for_its_payer(uint8 which) public {
        bytes32 orderId = _pay(which, "order-1");
        (address payer, uint96 amount, uint64 deadline) = _escrow().holds(orderId);
        vm.assertEq(payer, PAYER);
        vm.assertEq(amount, PRICE);
        vm.assertEq(deadline, block.timestamp + PERIOD);
    }

    function test_the_hold_is_said() public {
        vm.expectEmit(address(callback));
        emit EscrowRelease.Held(keccak256("order-1"), PAYER, PRICE, uint64(block.timestamp) + PERIOD);
        _pay(0, "order-1");
    }

    // ------------------------------------------------------------------------------------------------- on delivery

    function test_the_arbiter_releases_until_the_deadline() public {
        bytes32 orderId = _pay(0, "order-1");
        vm.warp(block.timestamp + PERIOD - 1);
        vm.expectEmit(address(callback));
        emit EscrowRelease.Released(orderId, ARBITER, PRICE);
        vm.prank(ARBITER);
        _escrow().release(orderId);
        vm.assertEq(callback.liabilities(address(usd)), 0);
        vm.assertEq(callback.revenue(address(usd)), PRICE);
        vm.prank(ADMIN);
        callback.withdrawRevenue(address(usd), ADMIN, PRICE);
        vm.assertEq(usd.balanceOf(ADMIN), PRICE);
        _assertBooksBalance();
    }

    function test_release_reverts_for_the_arbiter_from_the_deadline_on(uint32 late) public {
        bytes32 orderId = _pay(0, "order-1");
        vm.warp(block.timestamp + PERIOD + late);
        _assertRefusedTo(ARBITER, _release(orderId), _notAllowed(orderId, ARBITER));
    }

    function test_the_payer_releases_whenever_he_likes(uint32 when) public {
        bytes32 orderId = _pay(2, "order-1");
        vm.warp(block.timestamp + when);
        vm.prank(PAYER);
        _escrow().release(orderId);
        vm.assertEq(callback.revenue(address(usd)), PRICE);
        _assertBooksBalance();
    }

    function test_release_reverts_for_anybody_else(address caller) public {
        vm.assume(caller != PAYER && caller != ARBITER);
        bytes32 orderId = _pay(0, "order-1");
        _assertRefusedTo(caller, _release(orderId), _notAllowed(orderId, caller));
        _assertRefusedTo(ADMIN, _release(orderId), _notAllowed(orderId, ADMIN));
    }

    // ---------------------------------------------------------------------------------------------------- given back

    function test_arbiter_and_owner_give_back_at_any_time(uint32 when, bool byOwner) public {
        bytes32 orderId = _pay(2, "order-1");
        vm.warp(block.timestamp + when);
        address by = byOwner ? ADMIN : ARBITER;
        vm.expectEmit(address(callback));
        emit EscrowRelease.GivenBack(orderId, by, PAYER, PRICE);
        vm.prank(by);
        _escrow().giveBack(orderId);
        vm.assertEq(usd.balanceOf(PAYER), FUNDS, "to the payer and nobody else");
        vm.assertEq(callback.liabilities(address(usd)), 0);
        _assertBooksBalance();
    }

    function test_giveBack_reverts_for_anybody_else(address caller) public {
        vm.assume(caller != ADMIN && caller != ARBITER);
        bytes32 orderId = _pay(0, "order-1");
        _assertRefusedTo(caller, abi.encodeCall(EscrowRelease.giveBack, (orderId)), _notAllowed(orderId, caller));
    }

    // ----------------------------------------------------------------------------------------------- the payer's way

    /// @dev Every list is empty, token pause aside nothing of anybody's is needed: only the payer and the chain.
    function test_the_payer_reclaims_with_every_server_dead(uint32 late) public {
        bytes32 orderId = _pay(2, "order-1");
        _shutDown();
        vm.warp(block.timestamp + PERIOD + late);
        vm.expectEmit(address(callback));
        emit EscrowRelease.GivenBack(orderId, PAYER, STRANGER, PRICE);
        vm.prank(PAYER);
        _escrow().reclaim(orderId, STRANGER);
        vm.assertEq(usd.balanceOf(STRANGER), PRICE);
        _assertBooksBalance();
    }

    function test_reclaim_reverts_until_the_deadline(uint32 early) public {
        bytes32 orderId = _pay(0, "order-1");
        uint256 deadline = block.timestamp + PERIOD;
        vm.warp(deadline - 1 - early % PERIOD);
        _assertRefusedTo(PAYER, _reclaim(orderId), abi.encodeWithSelector(EscrowRelease.HeldUntil.selector, deadline));
    }

    function test_reclaim_reverts_for_anybody_else(address caller) public {
        vm.assume(caller != PAYER);
        bytes32 orderId = _pay(0, "order-1");
        vm.warp(block.timestamp + PERIOD);
        _assertRefusedTo(caller, _reclaim(orderId), _notAllowed(orderId, caller));
        _assertRefusedTo(ARBITER, _reclaim(orderId), _notAllowed(orderId, ARBITER));
        _assertRefusedTo(ADMIN, _reclaim(orderId), _notAllowed(orderId, ADMIN));
    }

    // --------------------------------------------------------------------------------------------------------- once

    function test_what_ended_once_cannot_end_again(uint8 first, uint8 second) public {
        bytes32 orderId = _pay(0, "order-1");
        _pay(0, "order-2");
        vm.warp(block.timestamp + PERIOD);
        _end(first, orderId);
        bytes memory notHeld = abi.encodeWithSelector(EscrowRelease.NotHeld.selector, orderId);
        if (second % 3 == 0) _assertRefusedTo(PAYER, _release(orderId), notHeld);
        if (second % 3 == 1) _assertRefusedTo(ADMIN, abi.encodeCall(EscrowRelease.giveBack, (orderId)), notHeld);
        if (second % 3 == 2) _assertRefusedTo(PAYER, _reclaim(orderId), notHeld);
        vm.assertEq(callback.liabilities(address(usd)), PRICE, "the other order's payment is untouched");
        _assertBooksBalance();
    }

    function test_C6_reclaim_is_shut_while_the_token_moves() public {
        ReentrantToken token = ReentrantToken(Make.it("ReentrantToken"));
        _fund(token, DELEGATE);
        _use(address(token));
        for (uint256 i; i < 2; ++i) {
            Request memory request = _base(abi.encode(i), PRICE);
            request.token = request.payer = address(token);
            (request.pull,) = clerk.sign(request, DELEGATE_KEY, PAYER_KEY);
            _submit(request);
        }
        vm.warp(block.timestamp + PERIOD);
        bytes[2] memory calls =
            [_reclaim(keccak256(abi.encode(uint256(1)))), _release(keccak256(abi.encode(uint256(1))))];
        for (uint256 i; i < 2; ++i) {
            uint256 before = vm.snapshotState();
            token.arm(address(callback), calls[i]);
            vm.prank(address(token));
            _escrow().reclaim(keccak256(abi.encode(uint256(0))), STRANGER);
            vm.assertFalse(token.gotThrough(), "the call back in failed");
            vm.assertEq(token.balanceOf(STRANGER), PRICE);
            vm.revertToState(before);
        }
    }

    function test_C6_giveBack_is_shut_while_the_token_moves() public {
        ReentrantToken token = ReentrantToken(Make.it("ReentrantToken"));
        _fund(token, DELEGATE);
        _use(address(token));
        vm.prank(ADMIN);
        callback.transferOwnership(address(token));
        vm.prank(address(token));
        callback.acceptOwnership();
        for (uint256 i; i < 2; ++i) {
            Request memory request = _base(abi.encode(i), PRICE);
            request.token = address(token);
            (request.pull,) = clerk.sign(request, DELEGATE_KEY, PAYER_KEY);
            _submit(request);
        }
        token.arm(address(callback), abi.encodeCall(EscrowRelease.giveBack, (keccak256(abi.encode(uint256(1))))));
        vm.prank(address(token));
        _escrow().giveBack(keccak256(abi.encode(uint256(0))));
        vm.assertEq(bytes32(bytes4(token.answer())), bytes32(bytes4(keccak256("ReentrancyGuardReentrantCall()"))));
    }

    /// @dev 2^96 and PRICE: cut to its word it would be PRICE.
    function test_a_hold_that_does_not_fit_its_word_is_refused() public {
        uint256 amount = 2 ** 96 + uint256(PRICE);
        usd.mint(DELEGATE, amount);
        vm.prank(ADMIN);
        callback.listAction(bytes4(0), PaymentGuard.Bounds(1, type(uint128).max));
        Request memory request = _base("order-1", amount);
        vm.expectPartialRevert(bytes4(keccak256("ActionFailed(bytes32,bytes32)")));
        this.submit(request);
    }

    function test_the_constructor_reverts_without_an_arbiter_or_a_time() public {
        vm.expectRevert(EscrowRelease.TermsMissing.selector);
        this.make(address(usd), address(0), PERIOD);
        vm.expectRevert(EscrowRelease.TermsMissing.selector);
        this.make(address(usd), ARBITER, 0);
    }

    function make(address token, address arbiter, uint64 period) public returns (address) {
        PaymentGuard.Bounds memory bounds = PaymentGuard.Bounds(PRICE, 10 * PRICE);
        return Make.it("EscrowRelease", abi.encode(ADMIN, _list(DELEGATE), token, PERMIT2, bounds, arbiter, period));
    }

    function _make(address token) internal override returns (address) {
        return make(token, ARBITER, PERIOD);
    }

    function _isOwed() internal pure override returns (bool) {
        return true;
    }

    /// @dev One of the three ends.
    function _end(uint8 which, bytes32 orderId) private {
        vm.prank(which % 3 == 1 ? ADMIN : PAYER);
        if (which % 3 == 0) _escrow().release(orderId);
        if (which % 3 == 1) _escrow().giveBack(orderId);
        if (which % 3 == 2) _escrow().reclaim(orderId, PAYER);
    }

    function _escrow() private view returns (EscrowRelease) {
        return EscrowRelease(address(callback));
    }

    function _release(bytes32 orderId) private pure returns (bytes memory) {
        return abi.encodeCall(EscrowRelease.release, (orderId));
    }

    function _reclaim(bytes32 orderId) private pure returns (bytes memory) {
        return abi.encodeCall(EscrowRelease.reclaim, (orderId, address(0x5747)));
    }

    function _notAllowed(bytes32 orderId, address caller) private pure returns (bytes memory) {
        return abi.encodeWithSelector(EscrowRelease.NotAllowed.selector, orderId, caller);
    }
}
