// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title A call with a fixed amount of gas, of whose answer nothing is read but a short error.
/// @notice Less gas cannot be given by a relayer, more cannot be burnt by what is called, and what it throws back is
/// not copied beyond the length that its caller allows. A failed call undoes everything.
abstract contract BoundedCall {
    /// @dev Gas kept back for what comes after the call.
    uint256 private constant CLOSING_GAS = 60_000;

    /// @notice The transaction leaves the action less than its gas.
    error ActionGasTooLow(uint256 available, uint256 required);
    /// @notice The action failed without an error short enough to pass on; `reason` is its first word, 0 if none.
    error ActionFailed(bytes32 orderId, bytes32 reason);

    /// @dev Calls `target` with exactly `gas_`, for an order; passes an error of at most `longest` bytes on.
    function _callBounded(address target, uint256 gas_, bytes memory data, bytes32 orderId, uint256 longest) internal {
        // A call gets at most 63/64 of what is left: insist on so much that 63/64 of it is the whole of gas_.
        uint256 required = gas_ + gas_ / 63 + CLOSING_GAS;
        require(gasleft() >= required, ActionGasTooLow(gasleft(), required));
        bool succeeded;
        assembly ("memory-safe") {
            succeeded := call(gas_, target, 0, add(data, 0x20), mload(data), 0, 0)
        }
        if (!succeeded) _revertWithReason(orderId, longest);
    }

    /// @dev Reverts with the error just returned if it is one and not too long, else with {ActionFailed}.
    function _revertWithReason(bytes32 orderId, uint256 longest) private pure {
        bytes32 reason;
        assembly ("memory-safe") {
            let size := returndatasize()
            if iszero(or(lt(size, 4), gt(size, longest))) {
                let pointer := mload(0x40)
                returndatacopy(pointer, 0, size)
                revert(pointer, size)
            }
            if gt(size, 0x20) { size := 0x20 }
            mstore(0, 0)
            returndatacopy(0, 0, size)
            reason := mload(0)
        }
        revert ActionFailed(orderId, reason);
    }
}
