// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title What a payment's target may ask of the executor that calls it.
interface IDelegateExecutor {
    /// @notice Hand the payment over to the target that is being called; once in each call.
    function collect() external;
}
