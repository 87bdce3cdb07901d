// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDelegateExecutor} from "../../interfaces/IDelegateExecutor.sol";
import {IDelegateTarget} from "../../interfaces/IDelegateTarget.sol";

/// @title Crime: whatever a target can do to the executor that pays it, by the name that the payer's action gives.
/// @notice Says yes to every payment. An empty action: takes the money and does nothing for it.
contract MisbehavingTarget is IDelegateTarget {
    /// @notice Whether the last call that it made went through, and what came back.
    bool public callSucceeded;
    bytes public callAnswer;

    /// @notice Nobody calls an action from outside.
    error NotAnAction();

    /// @notice Action: leave the money where it is.
    function keep() external pure {
        revert NotAnAction();
    }

    /// @notice Action: take the money, and try to take it again.
    function collectTwice() external pure {
        revert NotAnAction();
    }

    /// @notice Action: burn all gas.
    function burnGas() external pure {
        revert NotAnAction();
    }

    /// @notice Action: revert with as many bytes as asked.
    function bomb(uint256) external pure {
        revert NotAnAction();
    }

    /// @notice Action: take the money and call whatever the payer wants.
    function callOut(address, bytes calldata) external pure {
        revert NotAnAction();
    }

    /// @inheritdoc IDelegateTarget
    function onPayment(bytes32, address, address, uint256, bytes calldata action) external {
        bytes4 selector = bytes4(action);
        if (selector == this.keep.selector) return;
        IDelegateExecutor(msg.sender).collect();
        if (selector == this.collectTwice.selector) {
            _callOut(msg.sender, abi.encodeCall(IDelegateExecutor.collect, ()));
        }
        if (selector == this.burnGas.selector) while (true) {}
        if (selector == this.bomb.selector) _bomb(abi.decode(action[4:], (uint256)));
        if (selector == this.callOut.selector) {
            (address target, bytes memory data) = abi.decode(action[4:], (address, bytes));
            _callOut(target, data);
        }
    }

    function _callOut(address target, bytes memory data) private {
        (callSucceeded, callAnswer) = target.call(data);
    }

    function _bomb(uint256 size) private pure {
        assembly ("memory-safe") {
            mstore(0, shl(224, 0x0badb00b))
            revert(0, size)
        }
    }
}
