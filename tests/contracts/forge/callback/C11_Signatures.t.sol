// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {GasBurningWallet} from "contracts/mocks/hostile/GasBurningWallet.sol";
import {SmartWallet} from "contracts/mocks/SmartWallet.sol";
import {X402Callback} from "contracts/X402Callback.sol";
import {CallbackTest} from "../base/CallbackTest.sol";
import {Entry, Request} from "../base/Request.sol";
import {Make} from "../base/Make.sol";
import {Signatures} from "../base/Signatures.sol";
import {vm} from "../base/Vm.sol";

/// @title C11: one signature has one form; smart wallets sign like anybody else.
contract C11SignaturesTest is CallbackTest {
    function test_entries_revert_when_the_payers_signature_is_malleated(bool byPermit2) public {
        Request memory request = _chosen(byPermit2);
        request.choice = Signatures.flip(request.choice);
        _assertSignatureRefused(request);
    }

    function test_every_entry_reverts_when_the_pulls_signature_is_malleated(uint8 which) public {
        Request memory request = _request(_entry(which));
        // Permit2 as published takes the other form; the nonce in it is what counts once.
        vm.assume(!_isPermit2(request.entry));
        request.pull = Signatures.flip(request.pull);
        vm.expectRevert();
        this.submit(request);
        vm.assertFalse(callback.isConsumed(request.orderId));
    }

    function test_entries_revert_when_the_payers_signature_is_zero(bool byPermit2) public {
        Request memory request = _chosen(byPermit2);
        request.choice = new bytes(65);
        _assertSignatureRefused(request);
    }

    function test_entries_revert_when_any_bit_of_the_payers_signature_is_flipped(bool byPermit2, uint16 bit) public {
        Request memory request = _chosen(byPermit2);
        bit %= 65 * 8;
        request.choice[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        _assertSignatureRefused(request);
    }

    function test_entries_revert_when_v_is_odd(bool byPermit2, uint8 v) public {
        Request memory request = _chosen(byPermit2);
        vm.assume(v != 27 && v != 28);
        request.choice[64] = bytes1(v);
        _assertSignatureRefused(request);
    }

    function test_entries_revert_when_somebody_else_signed(bool byPermit2) public {
        Request memory request = _chosen(byPermit2);
        request.choice = _signOurs(request, STRANGER_KEY);
        _assertSignatureRefused(request);
    }

    function test_every_entry_reverts_when_there_is_no_payer(uint8 which) public {
        Request memory request = _request(_entry(which));
        request.payer = address(0);
        request.choice = new bytes(65);
        _assertRefused(request, abi.encodeWithSelector(X402Callback.PayerMissing.selector, request.orderId));
    }

    function test_entries_accept_a_smart_wallet(bool byPermit2, bool goats) public {
        Request memory request = _chosen(byPermit2);
        request.payer = Make.it("SmartWallet", abi.encode(PAYER));
        request.choice = goats ? _signGoats(request, PAYER_KEY) : _signOurs(request, PAYER_KEY);
        request.pull = _signPull(request, DELEGATE_KEY);
        _assertAccepted(request);
    }

    function test_entries_revert_when_a_smart_wallet_did_not_sign(bool byPermit2) public {
        Request memory request = _chosen(byPermit2);
        request.payer = Make.it("SmartWallet", abi.encode(PAYER));
        request.choice = _signOurs(request, STRANGER_KEY);
        request.pull = _signPull(request, DELEGATE_KEY);
        _assertSignatureRefused(request);
    }

    /// @dev Two wallets of one key: what the key signed for one does not count for the other.
    function test_entries_revert_when_another_wallet_of_the_same_key_signed() public {
        Request memory request = _chosen(false);
        request.payer = Make.it("SmartWallet", abi.encode(PAYER));
        request.choice = _signOurs(request, PAYER_KEY);
        request.payer = Make.it("SmartWallet", abi.encode(PAYER));
        _assertSignatureRefused(request);
    }

    function test_entries_revert_when_the_wallet_burns_the_gas_it_is_asked_with() public {
        Request memory request = _chosen(false);
        request.payer = Make.it("GasBurningWallet");
        bytes memory data = _encode(request);
        vm.prank(request.caller);
        (bool success,) = request.callback.call{gas: 2_000_000}(data);
        vm.assertFalse(success);
        vm.assertFalse(callback.isConsumed(request.orderId));
    }

    function _chosen(bool byPermit2) private view returns (Request memory) {
        return _request(byPermit2 ? Entry.Permit2WithCalldata : Entry.Eip3009WithCalldata);
    }

    function _assertSignatureRefused(Request memory request) private {
        _assertRefused(
            request, abi.encodeWithSelector(X402Callback.PayerSignatureInvalid.selector, request.orderId, request.payer)
        );
    }
}
