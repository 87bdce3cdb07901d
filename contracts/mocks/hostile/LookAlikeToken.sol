// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TestUSD} from "../TestUSD.sol";

/// @title Crime: has a dollar's name, and logs transfers that never happen.
contract LookAlikeToken is TestUSD {
    constructor() TestUSD(msg.sender) {}

    /// @dev Moves nothing unless it mints.
    function _update(address from, address to, uint256 value) internal override {
        if (from == address(0)) {
            super._update(from, to, value);
        } else {
            emit Transfer(from, to, value);
        }
    }
}
