// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title Crime: answers `false` instead of reverting, and moves nothing.
contract FalseReturningToken is EIP712("USDC", "2") {
    /// @notice What it calls itself.
    string public constant name = "USDC";
    string public constant symbol = "USDC";
    string public constant version = "2";
    uint8 public constant decimals = 6;

    /// @notice What the books say, true or not.
    mapping(address account => uint256) public balanceOf;

    /// @notice Give `to` something to be false about.
    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    /// @notice Whatever else is asked, EIP-3009 in all its forms included: `false`.
    fallback() external {
        assembly ("memory-safe") {
            mstore(0, 0)
            return(0, 0x20)
        }
    }

    /// @notice The domain of a dollar, so that it passes for one.
    // solhint-disable-next-line func-name-mixedcase
    function DOMAIN_SEPARATOR() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @notice Refused without a revert.
    function transfer(address, uint256) external pure returns (bool) {
        return false;
    }
}
