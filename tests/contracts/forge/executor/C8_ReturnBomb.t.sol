// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BoundedCall} from "contracts/base/BoundedCall.sol";
import {MisbehavingCallback} from "contracts/mocks/hostile/MisbehavingCallback.sol";
import {MisbehavingTarget} from "contracts/mocks/hostile/MisbehavingTarget.sol";
import {ExecutorTest} from "../base/ExecutorTest.sol";
import {Make} from "../base/Make.sol";
import {Purchase, Way} from "../base/Purchase.sol";
import {vm} from "../base/Vm.sol";

/// @title C8: what a target or its action throws back is cut, and nobody pays for copying the rest.
contract C8ExecutorReturnBombTest is ExecutorTest {
    bytes32 private constant WORD = bytes32(bytes4(0x0badb00b));

    function test_an_actions_bomb_is_cut_to_its_first_word() public {
        Purchase memory p = _purchase(Way.Eip3009);
        p.payment.callData = abi.encodeCall(MisbehavingCallback.bomb, (200_000));
        _sign(p);
        _assertRejected(p, abi.encodeWithSelector(BoundedCall.ActionFailed.selector, p.payment.orderId, WORD));
    }

    function test_a_targets_bomb_is_cut_to_its_first_word() public {
        Purchase memory p = _bombing(200_000);
        _assertRejected(p, abi.encodeWithSelector(BoundedCall.ActionFailed.selector, p.payment.orderId, WORD));
    }

    function test_a_big_bomb_costs_no_more_than_the_target_has() public {
        Purchase memory small = _bombing(200);
        Purchase memory big = _bombing(200_000);
        // 200,000 bytes cost 95,000 gas to make, in the target; copying them would cost as much again.
        vm.assertLe(_cost(big) - _cost(small), 110_000, "the bomb was copied");
    }

    function _bombing(uint256 size) private returns (Purchase memory p) {
        address target = Make.it("MisbehavingTarget");
        vm.prank(ADMIN);
        executor.listTarget(target, TARGET_GAS);
        p = _purchase(Way.Eip3009);
        p.payment.target = target;
        p.payment.callData = abi.encodeCall(MisbehavingTarget.bomb, (size));
        _sign(p);
    }

    function _cost(Purchase memory p) private returns (uint256 cost) {
        bytes memory data = notary.encode(p);
        address target = p.executor;
        bool success;
        uint256 before = gasleft();
        assembly ("memory-safe") {
            success := call(gas(), target, 0, add(data, 0x20), mload(data), 0, 0)
        }
        cost = before - gasleft();
        vm.assertFalse(success);
    }
}
