// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TestUSD} from "../TestUSD.sol";

/// @title Crime: logs, word for word, what another token logged for a payment that it had no part in.
contract CopycatToken is TestUSD {
    constructor() TestUSD(msg.sender) {}

    /// @notice Log a payment as EIP-3009 does, without one.
    function copy(address from, address to, uint256 value, bytes32 nonce) external {
        emit AuthorizationUsed(from, nonce);
        emit Transfer(from, to, value);
    }
}
