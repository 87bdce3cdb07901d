// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {IPermit2} from "contracts/interfaces/IPermit2.sol";
import {CallbackTest} from "../base/CallbackTest.sol";
import {Entry, Request} from "../base/Request.sol";
import {Signatures} from "../base/Signatures.sol";
import {vm} from "../base/Vm.sol";

/// @title C9, C10: the delegate wallet's signature can be spent by the callback only, nor used up before it.
/// Payout and refund share a nonce: the token lets one of them happen.
contract C9SpentElsewhereTest is CallbackTest {
    function test_receiveWithAuthorization_reverts_when_anybody_but_the_callback_spends_it(address thief) public {
        Request memory request = _request(Entry.Eip3009);
        vm.assume(thief != request.callback);
        (uint8 v, bytes32 r, bytes32 s) = Signatures.split(request.pull);
        vm.expectRevert(abi.encodeWithSignature("ERC20InvalidReceiver(address)", request.callback));
        vm.prank(thief);
        usd.receiveWithAuthorization(
            DELEGATE, request.callback, request.amount, 0, request.validBefore, request.nonce, v, r, s
        );
        _assertAccepted(request);
    }

    function test_transferWithAuthorization_reverts_when_it_is_given_the_callbacks_signature() public {
        Request memory request = _request(Entry.Eip3009);
        (uint8 v, bytes32 r, bytes32 s) = Signatures.split(request.pull);
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        usd.transferWithAuthorization(
            DELEGATE, request.callback, request.amount, 0, request.validBefore, request.nonce, v, r, s
        );
        _assertAccepted(request);
    }

    function test_permitTransferFrom_reverts_when_anybody_but_the_callback_spends_it(address thief) public {
        Request memory request = _request(Entry.Permit2);
        vm.assume(thief != request.callback && thief != address(vm));
        vm.expectRevert(abi.encodeWithSignature("InvalidSigner()"));
        vm.prank(thief);
        IPermit2(PERMIT2)
            .permitTransferFrom(
                IPermit2.PermitTransferFrom(
                    IPermit2.TokenPermissions(address(usd), request.amount), uint256(request.nonce), request.validBefore
                ),
                IPermit2.SignatureTransferDetails(thief, request.amount),
                DELEGATE,
                request.pull
            );
        _assertAccepted(request);
    }

    function test_the_base_entry_reverts_when_the_refund_was_first() public {
        Request memory request = _request(Entry.Eip3009);
        _refund(request);
        _assertRefused(
            request, abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, DELEGATE, request.nonce)
        );
        vm.assertEq(usd.balanceOf(PAYER), request.amount, "the payer has the money back");
    }

    function test_the_refund_reverts_when_the_payout_was_first() public {
        Request memory request = _request(Entry.Eip3009);
        _assertAccepted(request);
        vm.expectRevert(abi.encodeWithSelector(ERC3009.ERC3009UsedAuthorization.selector, DELEGATE, request.nonce));
        this.refund(request);
    }

    function refund(Request memory request) external {
        _refund(request);
    }

    /// @dev Submitted by a stranger: any relayer may.
    function _refund(Request memory request) private {
        Signatures.Authorization memory authorization =
            Signatures.Authorization(DELEGATE, PAYER, request.amount, 0, request.validBefore, request.nonce);
        bytes memory signature = Signatures.eip3009(DELEGATE_KEY, address(usd), Signatures.TRANSFER, authorization);
        (uint8 v, bytes32 r, bytes32 s) = Signatures.split(signature);
        vm.prank(STRANGER);
        IERC3009(address(usd))
            .transferWithAuthorization(DELEGATE, PAYER, request.amount, 0, request.validBefore, request.nonce, v, r, s);
    }
}
