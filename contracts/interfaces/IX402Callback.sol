// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title GOAT x402 callback: what a delegate wallet calls to spend a payment on an action.
/// @notice Four entries: the money comes by EIP-3009 or by Permit2, and the action is the contract's own (base) or
/// one that the payer chose and signed (`WithCalldata`). Selectors: 0x0bf29d00, 0xed1a2433, 0xc42315e4, 0x5f010bfd.
/// @dev Written from the published ABI. `owner` is the delegate wallet that holds the payer's money and signs the
/// pull; `originalPayer` is who paid. `v, r, s` is a 65-byte signature, of an EOA or one that an ERC-1271 wallet takes.
interface IX402Callback {
    /// @notice Pull `amount` of `token` from `owner` by EIP-3009 and run the base action for `originalPayer`.
    /// @param nonce the EIP-3009 nonce of the pull, which is also the order id
    function x402SpentEip3009(
        address token,
        address originalPayer,
        address owner,
        uint256 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice Pull `amount` of `token` from `owner` by `permit2` and run the base action for `originalPayer`.
    /// @param nonce the Permit2 nonce of the pull, which is also the order id
    function x402SpentPermit2(
        address permit2,
        address token,
        address originalPayer,
        address owner,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /// @notice Pull by EIP-3009 and run the action in `calldata_`, which `originalPayer` signed.
    /// @param calldata_ selector and arguments of the action
    /// @param orderId the order
    /// @param calldataNonce the order again: equal to `orderId`
    /// @param calldataDeadline last second at which the payer's signature counts
    function x402SpentEip3009WithCalldata(
        address token,
        address originalPayer,
        address owner,
        uint256 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s,
        bytes calldata calldata_,
        bytes32 orderId,
        uint256 calldataNonce,
        uint256 calldataDeadline,
        uint8 calldataV,
        bytes32 calldataR,
        bytes32 calldataS
    ) external;

    /// @notice Pull by Permit2 and run the action in `calldata_`, which `originalPayer` signed.
    /// @param calldata_ selector and arguments of the action
    /// @param orderId the order
    /// @param calldataNonce the order again: equal to `orderId`
    /// @param calldataDeadline last second at which the payer's signature counts
    function x402SpentPermit2WithCalldata(
        address permit2,
        address token,
        address originalPayer,
        address owner,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature,
        bytes calldata calldata_,
        bytes32 orderId,
        uint256 calldataNonce,
        uint256 calldataDeadline,
        uint8 calldataV,
        bytes32 calldataR,
        bytes32 calldataS
    ) external;
}
