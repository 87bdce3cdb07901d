// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Crime: answers `false` instead of reverting, and moves nothing.
contract FalseReturningToken {
    /// @notice What the books say, true or not.
    mapping(address account => uint256) public balanceOf;

    /// @notice Give `to` something to be false about.
    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    /// @notice Refused without a revert.
    function transfer(address, uint256) external pure returns (bool) {
        return false;
    }

    /// @notice Whatever else is asked, EIP-3009 in all its forms included: `false`.
    fallback() external {
        assembly ("memory-safe") {
            mstore(0, 0)
            return(0, 0x20)
        }
    }
}
