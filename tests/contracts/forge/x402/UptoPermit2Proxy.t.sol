// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ReentrantToken} from "contracts/mocks/hostile/ReentrantToken.sol";
import {Permit2Proxy} from "contracts/x402/Permit2Proxy.sol";
import {UptoPermit2Proxy} from "contracts/x402/UptoPermit2Proxy.sol";
import {Make} from "../base/Make.sol";
import {Signatures} from "../base/Signatures.sol";
import {vm} from "../base/Vm.sol";
import {ProxyTest} from "./ProxyTest.sol";

/// @title The `upto` proxy: at most what was permitted, once, by the facilitator that the payer named.
contract UptoPermit2ProxyTest is ProxyTest {
    function setUp() public override {
        super.setUp();
        _approve(type(uint256).max);
    }

    function test_settle_moves_what_the_facilitator_says_up_to_the_ceiling(uint256 ceiling, uint256 taken) public {
        ceiling %= FUNDS + 1;
        Payment memory p = _upto(ceiling);
        p.taken = taken % (ceiling + 1);
        vm.expectEmit(address(UPTO));
        emit Permit2Proxy.Settled();
        _callAs(FACILITATOR, address(UPTO), _uptoCall(p));
        vm.assertEq(dai.balanceOf(PAYEE), p.taken);
        vm.assertEq(dai.balanceOf(PAYER), FUNDS - p.taken);
        vm.assertEq(dai.balanceOf(address(UPTO)), 0);
    }

    function test_settle_reverts_above_the_ceiling(uint256 ceiling, uint256 taken) public {
        ceiling %= FUNDS;
        Payment memory p = _upto(ceiling);
        p.taken = ceiling + 1 + taken % (type(uint256).max - ceiling);
        _assertRefused(FACILITATOR, address(UPTO), _uptoCall(p), UptoPermit2Proxy.AmountExceedsPermitted.selector);
    }

    /// @dev The ceiling is of one settlement: what was left of it is nobody's.
    function test_settle_reverts_when_the_rest_is_asked_for() public {
        Payment memory p = _upto(5e18);
        p.taken = 2e18;
        _callAs(FACILITATOR, address(UPTO), _uptoCall(p));
        p.taken = 3e18;
        _assertRefused(FACILITATOR, address(UPTO), _uptoCall(p), INVALID_NONCE);
        vm.assertEq(dai.balanceOf(PAYEE), 2e18);
    }

    function test_settle_reverts_when_anybody_else_says_the_amount(address caller) public {
        vm.assume(caller != FACILITATOR);
        Payment memory p = _upto(5e18);
        bytes memory data = _uptoCall(p);
        _assertRefused(caller, address(UPTO), data, UptoPermit2Proxy.UnauthorizedFacilitator.selector);
        data = _uptoCall(p, _permit2612(5e18));
        _assertRefused(caller, address(UPTO), data, UptoPermit2Proxy.UnauthorizedFacilitator.selector);
    }

    function test_settle_reverts_when_anything_is_not_as_signed(uint8 which) public {
        Payment memory p = _upto(5e18);
        which %= 6;
        if (which == 0) p.to = THIEF;
        if (which == 1) p.facilitator = THIEF;
        if (which == 2) p.validAfter = 1;
        if (which == 3) p.amount += 1;
        if (which == 4) p.nonce += 1;
        if (which == 5) p.deadline += 1;
        _assertRefused(p.facilitator, address(UPTO), _uptoCall(p), INVALID_SIGNER);
    }

    function test_settle_reverts_when_it_was_signed_for_the_exact_proxy() public {
        Payment memory p = _exact(5e18);
        _assertRefused(FACILITATOR, address(UPTO), _uptoCall(p), INVALID_SIGNER);
        p.signature = Signatures.sign(PAYER_KEY, _uptoDigest(p, address(EXACT)));
        _assertRefused(FACILITATOR, address(UPTO), _uptoCall(p), INVALID_SIGNER);
    }

    function test_settle_reverts_until_validAfter(uint32 early) public {
        Payment memory p = _payment(5e18);
        p.validAfter = block.timestamp + uint256(early) + 1;
        p.deadline = p.validAfter;
        _signUpto(p);
        _assertRefused(FACILITATOR, address(UPTO), _uptoCall(p), Permit2Proxy.PaymentTooEarly.selector);
        vm.warp(p.validAfter);
        _callAs(FACILITATOR, address(UPTO), _uptoCall(p));
        vm.assertEq(dai.balanceOf(PAYEE), 5e18);
    }

    function test_settle_reverts_after_the_deadline() public {
        Payment memory p = _upto(5e18);
        vm.warp(p.deadline + 1);
        bytes memory refusal = abi.encodeWithSignature("SignatureExpired(uint256)", p.deadline);
        _assertRefused(FACILITATOR, address(UPTO), _uptoCall(p), refusal);
    }

    function test_settle_reverts_when_there_is_no_recipient_or_no_payer() public {
        Payment memory p = _payment(5e18);
        p.to = address(0);
        _signUpto(p);
        _assertRefused(FACILITATOR, address(UPTO), _uptoCall(p), Permit2Proxy.InvalidDestination.selector);
        p = _upto(5e18);
        p.owner = address(0);
        _assertRefused(FACILITATOR, address(UPTO), _uptoCall(p), Permit2Proxy.InvalidOwner.selector);
    }

    /// @dev The token is the inner payment's facilitator, so only the guard refuses it.
    function test_no_entry_lets_a_token_call_back_in() public {
        ReentrantToken token = ReentrantToken(Make.it("ReentrantToken"));
        token.mint(PAYER, FUNDS);
        vm.prank(PAYER);
        token.approve(PERMIT2, type(uint256).max);
        for (uint256 i; i < 2; ++i) {
            (Payment memory inner, Payment memory outer) = (_payment(1e18), _payment(5e18));
            (inner.token, outer.token) = (address(token), address(token));
            (inner.nonce, outer.nonce) = (2 * i, 2 * i + 1);
            inner.facilitator = address(token);
            _signUpto(inner);
            _signUpto(outer);
            token.arm(address(UPTO), i == 0 ? _uptoCall(inner) : _uptoCall(inner, _permit2612(inner.amount)));
            _callAs(FACILITATOR, address(UPTO), _uptoCall(outer));
            vm.assertFalse(token.gotThrough(), "the call back in failed");
            vm.assertEq(
                bytes32(bytes4(token.answer())), bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
            );
        }
        vm.assertEq(token.balanceOf(PAYEE), 10e18, "the outer payments alone");
    }

    function test_settleWithPermit_needs_no_earlier_leave_and_the_permit_is_for_the_ceiling(uint256 taken) public {
        _approve(0);
        Payment memory p = _upto(5e18);
        p.taken = taken % (5e18 + 1);
        bytes memory data = _uptoCall(p, _permit2612(5e18));
        vm.expectEmit(address(UPTO));
        emit Permit2Proxy.SettledWithPermit();
        _callAs(FACILITATOR, address(UPTO), data);
        vm.assertEq(dai.balanceOf(PAYEE), p.taken);
    }

    function test_settleWithPermit_reverts_when_the_permit_is_for_another_amount(uint256 value) public {
        vm.assume(value != 5e18);
        bytes memory data = _uptoCall(_upto(5e18), _permit2612(value));
        _assertRefused(FACILITATOR, address(UPTO), data, Permit2Proxy.Permit2612AmountMismatch.selector);
    }
}
