// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ReentrantToken} from "contracts/mocks/hostile/ReentrantToken.sol";
import {Permit2Proxy} from "contracts/x402/Permit2Proxy.sol";
import {Make} from "../base/Make.sol";
import {Signatures} from "../base/Signatures.sol";
import {vm} from "../base/Vm.sol";
import {ProxyTest} from "./ProxyTest.sol";

/// @title The `exact` proxy: all that was permitted, once, to whom the payer named, in its time.
contract ExactPermit2ProxyTest is ProxyTest {
    function setUp() public override {
        super.setUp();
        _approve(type(uint256).max);
    }

    function test_settle_moves_exactly_what_was_permitted_whoever_calls(uint256 amount, address caller) public {
        amount %= FUNDS + 1;
        bytes memory data = _exactCall(_exact(amount));
        vm.expectEmit(address(EXACT));
        emit Permit2Proxy.Settled();
        _callAs(caller, address(EXACT), data);
        vm.assertEq(dai.balanceOf(PAYEE), amount);
        vm.assertEq(dai.balanceOf(PAYER), FUNDS - amount);
        vm.assertEq(dai.balanceOf(address(EXACT)), 0);
    }

    function test_settle_reverts_when_replayed() public {
        bytes memory data = _exactCall(_exact(5e18));
        _callAs(THIEF, address(EXACT), data);
        _assertRefused(THIEF, address(EXACT), data, INVALID_NONCE);
        vm.assertEq(dai.balanceOf(PAYEE), 5e18);
    }

    function test_settle_reverts_when_anything_is_not_as_signed(uint8 which) public {
        Payment memory p = _exact(5e18);
        which %= 5;
        if (which == 0) p.to = THIEF;
        if (which == 1) p.validAfter = 1;
        if (which == 2) p.amount += 1;
        if (which == 3) p.nonce += 1;
        if (which == 4) p.deadline += 1;
        _assertRefused(THIEF, address(EXACT), _exactCall(p), INVALID_SIGNER);
    }

    function test_settle_reverts_when_the_token_is_another() public {
        Payment memory p = _exact(5e18);
        p.token = Make.it("TestDAI");
        _assertRefused(THIEF, address(EXACT), _exactCall(p), INVALID_SIGNER);
    }

    function test_settle_reverts_when_somebody_elses_money_is_meant() public {
        Payment memory p = _exact(5e18);
        p.owner = PAYEE;
        _assertRefused(THIEF, address(EXACT), _exactCall(p), INVALID_SIGNER);
    }

    function test_settle_reverts_when_it_was_signed_for_another_spender(address spender) public {
        vm.assume(spender != address(EXACT));
        Payment memory p = _exact(5e18);
        p.signature = Signatures.sign(PAYER_KEY, _exactDigest(p, spender));
        _assertRefused(spender, address(EXACT), _exactCall(p), INVALID_SIGNER);
    }

    function test_settle_reverts_on_another_chain() public {
        bytes memory data = _exactCall(_exact(5e18));
        vm.chainId(block.chainid + 1);
        _assertRefused(THIEF, address(EXACT), data, INVALID_SIGNER);
    }

    function test_settle_reverts_until_validAfter(uint32 early) public {
        Payment memory p = _payment(5e18);
        p.validAfter = block.timestamp + uint256(early) + 1;
        p.deadline = p.validAfter + 600;
        _signExact(p);
        _assertRefused(THIEF, address(EXACT), _exactCall(p), Permit2Proxy.PaymentTooEarly.selector);
        vm.warp(p.validAfter);
        _callAs(THIEF, address(EXACT), _exactCall(p));
        vm.assertEq(dai.balanceOf(PAYEE), 5e18);
    }

    function test_settle_reverts_after_the_deadline(uint32 late) public {
        Payment memory p = _exact(5e18);
        vm.warp(p.deadline + uint256(late) + 1);
        _assertRefused(
            THIEF, address(EXACT), _exactCall(p), abi.encodeWithSignature("SignatureExpired(uint256)", p.deadline)
        );
        vm.warp(p.deadline);
        _callAs(THIEF, address(EXACT), _exactCall(p));
        vm.assertEq(dai.balanceOf(PAYEE), 5e18);
    }

    function test_settle_reverts_when_there_is_no_recipient() public {
        Payment memory p = _payment(5e18);
        p.to = address(0);
        _signExact(p);
        _assertRefused(THIEF, address(EXACT), _exactCall(p), Permit2Proxy.InvalidDestination.selector);
    }

    function test_settle_reverts_when_there_is_no_payer() public {
        Payment memory p = _exact(5e18);
        p.owner = address(0);
        _assertRefused(THIEF, address(EXACT), _exactCall(p), Permit2Proxy.InvalidOwner.selector);
    }

    function test_settle_reverts_when_permit2_has_no_leave_or_the_payer_no_money() public {
        bytes memory tooDear = _exactCall(_exact(FUNDS + 1));
        _assertRefused(THIEF, address(EXACT), tooDear, abi.encodeWithSignature("Error(string)", "TRANSFER_FROM_FAILED"));
        _approve(5e18 - 1);
        bytes memory unallowed = _exactCall(_exact(5e18));
        _assertRefused(
            THIEF, address(EXACT), unallowed, abi.encodeWithSignature("Error(string)", "TRANSFER_FROM_FAILED")
        );
    }

    /// @dev The inner payment is as good as the outer: only the guard refuses it.
    function test_no_entry_lets_a_token_call_back_in() public {
        ReentrantToken token = ReentrantToken(Make.it("ReentrantToken"));
        token.mint(PAYER, FUNDS);
        vm.prank(PAYER);
        token.approve(PERMIT2, type(uint256).max);
        for (uint256 i; i < 2; ++i) {
            (Payment memory inner, Payment memory outer) = (_payment(1e18), _payment(5e18));
            (inner.token, outer.token) = (address(token), address(token));
            (inner.nonce, outer.nonce) = (2 * i, 2 * i + 1);
            _signExact(inner);
            _signExact(outer);
            token.arm(address(EXACT), i == 0 ? _exactCall(inner) : _exactCall(inner, _permit2612(inner.amount)));
            _callAs(THIEF, address(EXACT), _exactCall(outer));
            vm.assertFalse(token.gotThrough(), "the call back in failed");
            vm.assertEq(
                bytes32(bytes4(token.answer())), bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
            );
        }
        vm.assertEq(token.balanceOf(PAYEE), 10e18, "the outer payments alone");
    }

    function test_settleWithPermit_needs_no_earlier_leave(uint256 amount) public {
        _approve(0);
        amount %= FUNDS + 1;
        bytes memory data = _exactCall(_exact(amount), _permit2612(amount));
        vm.expectEmit(address(EXACT));
        emit Permit2Proxy.SettledWithPermit();
        _callAs(THIEF, address(EXACT), data);
        vm.assertEq(dai.balanceOf(PAYEE), amount);
        vm.assertEq(dai.allowance(PAYER, PERMIT2), 0, "no more leave than was used");
    }

    function test_settleWithPermit_reverts_when_the_permit_is_for_another_amount(uint256 value) public {
        vm.assume(value != 5e18);
        bytes memory data = _exactCall(_exact(5e18), _permit2612(value));
        _assertRefused(THIEF, address(EXACT), data, Permit2Proxy.Permit2612AmountMismatch.selector);
    }

    function test_settleWithPermit_reverts_when_the_payment_is_not_as_signed() public {
        Payment memory p = _exact(5e18);
        p.to = THIEF;
        _assertRefused(THIEF, address(EXACT), _exactCall(p, _permit2612(5e18)), INVALID_SIGNER);
    }
}
