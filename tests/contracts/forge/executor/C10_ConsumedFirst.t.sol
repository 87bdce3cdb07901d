// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ExecutorTest} from "../base/ExecutorTest.sol";
import {Purchase, Way} from "../base/Purchase.sol";
import {vm} from "../base/Vm.sol";

/// @title C10: who is first with a payer's signature can only do what the payer wanted.
contract C10ExecutorConsumedFirstTest is ExecutorTest {
    function test_a_payment_that_a_stranger_submits_first_has_its_whole_effect(address stranger, uint8 which) public {
        vm.assume(stranger != address(vm));
        Purchase memory p = _purchase(_way(which));
        p.caller = stranger;
        _assertExecuted(p);
        p.caller = DELEGATE;
        _assertRejected(p);
        vm.assertEq(callback.effects(p.payment.orderId), 1);
    }

    /// @dev The two EIP-3009 entries spend one nonce.
    function test_one_signature_is_spent_once_by_either_entry() public {
        Purchase memory p = _purchase(Way.Eip3009);
        _assertExecuted(p);
        p.way = Way.Eip3009Bytes;
        _assertRejected(p);
    }

    /// @dev Another allowance of the payer's is no payment: nothing is taken without the signature.
    function test_an_allowance_alone_buys_nothing(uint8 which) public {
        vm.prank(PAYER);
        usd.approve(address(executor), type(uint256).max);
        Purchase memory p = _purchase(_way(which));
        p.signature = notary.sign(p, STRANGER_KEY);
        _assertRejected(p);
    }

    /// @dev The payer used the Permit2 nonce up himself: his way to cancel.
    function test_a_permit_is_worth_nothing_once_its_nonce_is_invalidated() public {
        Purchase memory p = _purchase(Way.Permit2);
        uint256 nonce = uint256(notary.commitment(p));
        vm.prank(PAYER);
        (bool success,) = PERMIT2.call(
            abi.encodeWithSignature("invalidateUnorderedNonces(uint256,uint256)", nonce >> 8, 1 << (nonce & 0xff))
        );
        vm.assertTrue(success);
        _assertRejected(p, abi.encodeWithSignature("InvalidNonce()"));
    }
}
