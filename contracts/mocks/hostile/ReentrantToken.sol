// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TestUSD} from "../TestUSD.sol";

/// @title Crime: calls back into whoever it is told to in the middle of a transfer.
contract ReentrantToken is TestUSD {
    address private _target;
    bytes private _call;

    /// @notice Whether the call back went through.
    bool public gotThrough;
    /// @notice What it returned.
    bytes public answer;

    constructor() TestUSD(msg.sender) {}

    /// @notice Call `target` with `data` during the next transfer.
    function arm(address target, bytes calldata data) external {
        (_target, _call) = (target, data);
    }

    /// @inheritdoc TestUSD
    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        address target = _target;
        if (target != address(0)) {
            _target = address(0);
            (gotThrough, answer) = target.call(_call);
        }
    }
}
