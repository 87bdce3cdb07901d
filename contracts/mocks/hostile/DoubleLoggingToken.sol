// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TestUSD} from "../TestUSD.sol";

/// @title Crime: moves the money once and logs it twice.
contract DoubleLoggingToken is TestUSD {
    constructor() TestUSD(msg.sender) {}

    /// @inheritdoc TestUSD
    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (from != address(0)) emit Transfer(from, to, value);
    }
}
