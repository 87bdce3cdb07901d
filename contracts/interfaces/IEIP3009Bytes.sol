// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title EIP-3009 with signatures as `bytes`, as USDC 2.2 has it beside the (v, r, s) forms.
/// @notice The signature may be an EOA's 65 bytes (r, s, v) or whatever an ERC-1271 wallet accepts.
interface IEIP3009Bytes {
    /// @notice Move `value` from `from` to `to`; anyone may submit it.
    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;

    /// @notice Move `value` from `from` to `to`; only `to` may submit it.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;

    /// @notice Use up `nonce` of `authorizer` without a transfer.
    function cancelAuthorization(address authorizer, bytes32 nonce, bytes calldata signature) external;
}
