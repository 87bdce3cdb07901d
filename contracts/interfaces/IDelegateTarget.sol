// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title What a delegate executor pays: a contract that takes the money and acts for the payer in the same call.
/// @notice Whoever is called here takes `amount` of `token` by calling {IDelegateExecutor-collect} on the caller, once,
/// and acts. It must revert unless it does both; then the payer has paid nothing.
interface IDelegateTarget {
    /// @notice Take an order's payment from the calling executor and act for `payer`.
    /// @param orderId the order, which no other payer can use
    /// @param payer who signed for the payment, this contract and this action
    /// @param token what was paid in
    /// @param amount what {IDelegateExecutor-collect} hands over, exactly
    /// @param action selector and arguments that the payer signed, or nothing for the base action
    function onPayment(bytes32 orderId, address payer, address token, uint256 amount, bytes calldata action) external;
}
