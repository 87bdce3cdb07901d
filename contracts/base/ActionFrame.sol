// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BoundedCall} from "./BoundedCall.sol";

/// @title A call frame of its own for an action, with a fixed amount of gas.
/// @notice Less gas cannot be given by a relayer, more cannot be burnt by the action, and of an error no more is read
/// back than a selector and one argument. A failed action undoes everything.
abstract contract ActionFrame is BoundedCall {
    /// @notice A payment that an action may rely on.
    /// @param orderId the order it is for, worked on once
    /// @param payer who paid, and whom the base action is for
    /// @param token what it was paid in
    /// @param amount what arrived, exactly
    struct Payment {
        bytes32 orderId;
        address payer;
        address token;
        uint256 amount;
    }

    /// @dev The longest error passed on as it is: a selector and one argument.
    uint256 private constant ERROR_LENGTH = 36;

    /// @notice Gas that every action gets, no less and no more.
    uint256 public immutable ACTION_GAS;

    /// @dev Set for the one call that enters the frame, so that an action cannot enter it again by calling its host.
    bool private transient _entering;

    /// @notice Only this contract enters the frame, once a payment.
    error FrameClosed(address caller);

    /// @param actionGas gas for every action
    constructor(uint256 actionGas) {
        ACTION_GAS = actionGas;
    }

    /// @notice The frame of an action; this contract enters it when a payment is in, nobody else ever.
    /// @param payment checked, pulled and counted
    /// @param action selector and arguments that the payer signed, or nothing for the base action
    function performAction(Payment calldata payment, bytes calldata action) external {
        require(msg.sender == address(this) && _entering, FrameClosed(msg.sender));
        _entering = false;
        _act(payment, action);
    }

    /// @dev What happens in the frame.
    function _act(Payment calldata payment, bytes calldata action) internal virtual;

    /// @dev Enters the frame with exactly {ACTION_GAS}; passes a short error on and cuts a long one.
    function _runAction(Payment memory payment, bytes memory action) internal {
        bytes memory call_ = abi.encodeCall(this.performAction, (payment, action));
        _entering = true;
        _callBounded(address(this), ACTION_GAS, call_, payment.orderId, ERROR_LENGTH);
    }
}
