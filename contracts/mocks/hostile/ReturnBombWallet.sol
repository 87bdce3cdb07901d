// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Crime: answers a question for one word with as much memory as its gas buys.
contract ReturnBombWallet {
    /// @notice How many bytes it answers with.
    uint256 public constant SIZE = 200_000;

    /// @notice No, at great length.
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        assembly ("memory-safe") {
            revert(0, SIZE)
        }
    }
}
