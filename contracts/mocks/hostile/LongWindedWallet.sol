// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Crime: says yes to every signature, and a quarter of a megabyte of nothing after it.
contract LongWindedWallet {
    /// @notice How many bytes it answers with.
    uint256 public constant SIZE = 250_000;

    /// @notice Yes, at great length.
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        assembly ("memory-safe") {
            mstore(0, shl(224, 0x1626ba7e))
            return(0, SIZE)
        }
    }
}
