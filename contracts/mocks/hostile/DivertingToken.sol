// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TestUSD} from "../TestUSD.sol";

/// @title Crime: pays its maker, and logs that it paid the payee.
contract DivertingToken is TestUSD {
    /// @notice Who gets everybody's payments.
    address public immutable THIEF = msg.sender;

    mapping(address account => int256) private _diverted;

    constructor() TestUSD(msg.sender) {}

    /// @notice What the account really has.
    function balanceOf(address account) public view override returns (uint256) {
        return uint256(int256(super.balanceOf(account)) + _diverted[account]);
    }

    /// @dev The payer is poorer, as it should be; only the payee is not richer.
    function _update(address from, address to, uint256 value) internal override {
        if (from == address(0)) return super._update(from, to, value);
        require(balanceOf(from) >= value, ERC20InsufficientBalance(from, balanceOf(from), value));
        _diverted[from] -= int256(value);
        _diverted[THIEF] += int256(value);
        emit Transfer(from, to, value);
    }
}
