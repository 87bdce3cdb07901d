// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Crime: burns all the gas it is given when asked for its signature.
contract GasBurningWallet {
    /// @notice Never answers.
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        while (true) {}
        return 0xffffffff;
    }
}
