// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title The part of Permit2 (Uniswap, MIT) that is used here: one signed, single-use transfer.
interface IPermit2 {
    /// @notice The token and the most of it that may move.
    struct TokenPermissions {
        address token;
        uint256 amount;
    }

    /// @notice What the holder signs; the spender in the signature is whoever calls.
    struct PermitTransferFrom {
        TokenPermissions permitted;
        uint256 nonce;
        uint256 deadline;
    }

    /// @notice Where it goes and how much of it.
    struct SignatureTransferDetails {
        address to;
        uint256 requestedAmount;
    }

    /// @notice Move tokens of `owner` by its signature, using up the nonce.
    function permitTransferFrom(
        PermitTransferFrom calldata permit,
        SignatureTransferDetails calldata transferDetails,
        address owner,
        bytes calldata signature
    ) external;

    /// @notice The same, for a signature that also covers the hash of a struct of the spender's choosing.
    /// @param witnessTypeString how EIP-712 declares the witness, from its member on, with every type it needs
    function permitWitnessTransferFrom(
        PermitTransferFrom calldata permit,
        SignatureTransferDetails calldata transferDetails,
        address owner,
        bytes32 witness,
        string calldata witnessTypeString,
        bytes calldata signature
    ) external;
}
