// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ExecutorTest} from "../base/ExecutorTest.sol";
import {Make} from "../base/Make.sol";
import {Purchase, Way} from "../base/Purchase.sol";
import {Signatures} from "../base/Signatures.sol";
import {vm} from "../base/Vm.sol";

/// @title C11: one signature has one form; smart wallets pay like anybody else.
contract C11ExecutorSignaturesTest is ExecutorTest {
    function test_entries_revert_when_the_signature_is_malleated(bool asBytes) public {
        // Permit2 as published takes the other form; the nonce in it is what counts once.
        Purchase memory p = _purchase(asBytes ? Way.Eip3009Bytes : Way.Eip3009);
        p.signature = Signatures.flip(p.signature);
        _assertRejected(p);
    }

    function test_every_entry_reverts_when_the_signature_is_zero(uint8 which) public {
        Purchase memory p = _purchase(_way(which));
        p.signature = new bytes(65);
        _assertRejected(p);
    }

    /// @dev Up to 63 bytes; Permit2 as published also takes the compact form of 64, which is the same signature.
    function test_every_entry_reverts_when_the_signature_is_cut(uint8 length, bool permit2) public {
        Purchase memory p = _purchase(permit2 ? Way.Permit2 : Way.Eip3009Bytes);
        bytes memory cut = new bytes(length % 64);
        for (uint256 i; i < cut.length; ++i) {
            cut[i] = p.signature[i];
        }
        p.signature = cut;
        _assertRejected(p);
    }

    function test_every_entry_reverts_when_any_bit_of_the_signature_is_flipped(uint8 which, uint16 bit) public {
        Purchase memory p = _purchase(_way(which));
        bit %= 65 * 8;
        p.signature[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        _assertRejected(p);
    }

    function test_every_entry_reverts_when_somebody_else_signed(uint8 which) public {
        Purchase memory p = _purchase(_way(which));
        p.signature = notary.sign(p, STRANGER_KEY);
        _assertRejected(p);
    }

    function test_entries_accept_a_smart_wallet(bool permit2) public {
        _assertExecuted(_walletPurchase(permit2 ? Way.Permit2 : Way.Eip3009Bytes));
    }

    function test_entries_revert_when_a_smart_wallet_did_not_sign(bool permit2) public {
        Purchase memory p = _walletPurchase(permit2 ? Way.Permit2 : Way.Eip3009Bytes);
        p.signature = notary.sign(p, STRANGER_KEY);
        _assertRejected(p);
    }

    /// @dev Two wallets of one key: what the key signed for one does not count for the other.
    function test_entries_revert_when_another_wallet_of_the_same_key_signed(bool permit2) public {
        Purchase memory p = _walletPurchase(permit2 ? Way.Permit2 : Way.Eip3009Bytes);
        Purchase memory other = _walletPurchase(p.way);
        other.signature = p.signature;
        _assertRejected(other);
    }

    function test_entries_revert_when_the_wallet_burns_the_gas_it_is_asked_with() public {
        Purchase memory p = _purchase(Way.Eip3009Bytes);
        p.payment.payer = Make.it("GasBurningWallet");
        usd.mint(p.payment.payer, FUNDS);
        _order(p, "quote-1");
        bytes32 before = _state(p);
        vm.expectRevert();
        this.executeWithGas(p, 3_000_000);
        vm.assertEq(_state(p), before);
    }

    function _walletPurchase(Way way) private returns (Purchase memory p) {
        address wallet = Make.it("SmartWallet", abi.encode(PAYER));
        _fund(usd, wallet);
        p = _purchase(way);
        p.payment.payer = wallet;
        _order(p, "quote-1");
    }
}
