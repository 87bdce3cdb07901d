// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Crime: calls every signature its own.
contract GullibleWallet {
    /// @notice Yes.
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return this.isValidSignature.selector;
    }
}
