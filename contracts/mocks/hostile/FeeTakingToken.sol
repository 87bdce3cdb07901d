// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TestUSD} from "../TestUSD.sol";

/// @title Crime: keeps one percent of every transfer, rounded up.
contract FeeTakingToken is TestUSD {
    constructor() TestUSD(msg.sender) {}

    /// @inheritdoc TestUSD
    function _update(address from, address to, uint256 value) internal override {
        uint256 fee = from == address(0) ? 0 : (value + 99) / 100;
        super._update(from, to, value - fee);
        if (fee != 0) super._update(from, address(this), fee);
    }
}
