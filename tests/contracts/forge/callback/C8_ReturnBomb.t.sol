// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BoundedCall} from "contracts/base/BoundedCall.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {ReturnBombWallet} from "contracts/mocks/hostile/ReturnBombWallet.sol";
import {X402Callback} from "contracts/X402Callback.sol";
import {CallbackTest} from "../base/CallbackTest.sol";
import {Entry, Request} from "../base/Request.sol";
import {Make} from "../base/Make.sol";
import {vm} from "../base/Vm.sol";

/// @title C8: what is thrown back is cut to a word, and nobody pays for copying the rest.
contract C8ReturnBombTest is CallbackTest {
    function test_a_bomb_is_cut_to_its_first_word() public {
        Request memory request = _bombing(200_000);
        bytes32 word = bytes32(bytes4(0x0badb00b));
        _assertRefused(request, abi.encodeWithSelector(BoundedCall.ActionFailed.selector, request.orderId, word));
    }

    function test_a_big_bomb_costs_no_more_than_the_action_has() public {
        uint256 small = _cost(_bombing(64));
        uint256 big = _cost(_bombing(200_000));
        // 200,000 bytes cost 95,000 gas to make, in the action; copying them would cost as much again.
        vm.assertLe(big - small, 110_000, "the bomb was copied");
    }

    function test_a_wallet_that_answers_with_a_bomb_has_not_signed() public {
        Request memory request = _request(Entry.Eip3009WithCalldata);
        request.payer = Make.it("ReturnBombWallet");
        _sign(request);
        bytes memory refusal =
            abi.encodeWithSelector(X402Callback.PayerSignatureInvalid.selector, request.orderId, request.payer);
        _assertRefused(request, refusal);
    }

    function _bombing(uint256 size) private view returns (Request memory request) {
        request = _request(Entry.Permit2WithCalldata);
        request.action = abi.encodeCall(MisbehavingCallback.bomb, (size));
        _sign(request);
    }

    function _cost(Request memory request) private returns (uint256 cost) {
        bytes memory data = _encode(request);
        vm.prank(request.caller);
        address target = request.callback;
        uint256 before = gasleft();
        bool success;
        assembly ("memory-safe") {
            success := call(gas(), target, 0, add(data, 0x20), mload(data), 0, 0)
        }
        cost = before - gasleft();
        vm.assertFalse(success);
    }
}
