// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {IPermit2} from "contracts/interfaces/IPermit2.sol";
import {ExecutorTest} from "../base/ExecutorTest.sol";
import {Purchase, Way} from "../base/Purchase.sol";
import {Signatures} from "../base/Signatures.sol";
import {vm} from "../base/Vm.sol";

/// @title C9: a payer's signature can be spent by the executor only, and there only for what it commits to.
contract C9ExecutorSpentElsewhereTest is ExecutorTest {
    function test_receiveWithAuthorization_reverts_when_anybody_but_the_executor_spends_it(address thief) public {
        Purchase memory p = _purchase(Way.Eip3009);
        vm.assume(thief != p.executor);
        bytes32 nonce = notary.commitment(p);
        vm.expectRevert(abi.encodeWithSignature("ERC20InvalidReceiver(address)", p.executor));
        vm.prank(thief);
        usd.receiveWithAuthorization(PAYER, p.executor, p.payment.amount, 0, p.payment.deadline, nonce, p.signature);
        _assertExecuted(p);
    }

    function test_transferWithAuthorization_reverts_when_it_is_given_the_executors_signature() public {
        Purchase memory p = _purchase(Way.Eip3009);
        bytes32 nonce = notary.commitment(p);
        vm.expectRevert(ERC3009.ERC3009InvalidSignature.selector);
        usd.transferWithAuthorization(PAYER, p.executor, p.payment.amount, 0, p.payment.deadline, nonce, p.signature);
        _assertExecuted(p);
    }

    function test_permitWitnessTransferFrom_reverts_when_anybody_but_the_executor_spends_it(address thief) public {
        Purchase memory p = _purchase(Way.Permit2);
        vm.assume(thief != p.executor && thief != address(vm));
        bytes32 nonce = notary.commitment(p);
        string memory witness = executor.WITNESS_TYPE_STRING();
        vm.expectRevert(abi.encodeWithSignature("InvalidSigner()"));
        vm.prank(thief);
        IPermit2(PERMIT2)
            .permitWitnessTransferFrom(
                IPermit2.PermitTransferFrom(
                    IPermit2.TokenPermissions(address(usd), p.payment.amount), uint256(nonce), p.payment.deadline
                ),
                IPermit2.SignatureTransferDetails(thief, p.payment.amount),
                PAYER,
                nonce,
                witness,
                p.signature
            );
        _assertExecuted(p);
    }

    /// @dev A signature over any other nonce commits to nothing that the executor could be asked for.
    function test_an_authorization_with_another_nonce_cannot_be_spent(bytes32 nonce) public {
        Purchase memory p = _purchase(Way.Eip3009);
        vm.assume(nonce != notary.commitment(p));
        Signatures.Authorization memory authorization =
            Signatures.Authorization(PAYER, p.executor, p.payment.amount, 0, p.payment.deadline, nonce);
        p.signature = Signatures.eip3009(PAYER_KEY, address(usd), Signatures.RECEIVE, authorization);
        _assertRejected(p, abi.encodeWithSelector(ERC3009.ERC3009InvalidSignature.selector));
    }
}
