// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Permit2Proxy} from "contracts/x402/Permit2Proxy.sol";
import {vm} from "../base/Vm.sol";
import {ProxyTest} from "./ProxyTest.sol";

/// @title C10: whoever submits a payer's EIP-2612 permit first has not stopped the payment that came with it.
contract C10PermitConsumedFirstTest is ProxyTest {
    function test_exact_settles_when_the_permit_was_consumed_first(uint256 amount) public {
        amount %= FUNDS + 1;
        Permit2Proxy.EIP2612Permit memory permit = _permit2612(amount);
        _consume(permit);
        _callAs(THIEF, address(EXACT), _exactCall(_exact(amount), permit));
        vm.assertEq(dai.balanceOf(PAYEE), amount);
    }

    function test_upto_settles_when_the_permit_was_consumed_first(uint256 taken) public {
        Payment memory p = _upto(5e18);
        p.taken = taken % (5e18 + 1);
        Permit2Proxy.EIP2612Permit memory permit = _permit2612(p.amount);
        _consume(permit);
        _callAs(FACILITATOR, address(UPTO), _uptoCall(p, permit));
        vm.assertEq(dai.balanceOf(PAYEE), p.taken);
    }

    function test_exact_settles_by_an_earlier_approval_when_the_permit_is_void() public {
        _approve(type(uint256).max);
        Permit2Proxy.EIP2612Permit memory permit = _permit2612(5e18);
        permit.deadline = block.timestamp - 1;
        _callAs(THIEF, address(EXACT), _exactCall(_exact(5e18), permit));
        vm.assertEq(dai.balanceOf(PAYEE), 5e18);
        vm.assertEq(dai.allowance(PAYER, PERMIT2), type(uint256).max);
    }

    function test_both_revert_when_the_permit_is_void_and_nothing_was_approved() public {
        Permit2Proxy.EIP2612Permit memory permit = _permit2612(5e18);
        permit.s = bytes32(uint256(1));
        bytes memory refusal = abi.encodeWithSignature("Error(string)", "TRANSFER_FROM_FAILED");
        _assertRefused(THIEF, address(EXACT), _exactCall(_exact(5e18), permit), refusal);
        _assertRefused(FACILITATOR, address(UPTO), _uptoCall(_upto(5e18), permit), refusal);
    }

    function _consume(Permit2Proxy.EIP2612Permit memory p) private {
        vm.prank(THIEF);
        dai.permit(PAYER, PERMIT2, p.value, p.deadline, p.v, p.r, p.s);
        vm.assertEq(dai.nonces(PAYER), 1, "consumed");
    }
}
