// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IDelegateExecutor} from "../../interfaces/IDelegateExecutor.sol";
import {IDelegateTarget} from "../../interfaces/IDelegateTarget.sol";

/// @title Crime: announces one amount to the target and hands another one over.
contract StingyExecutor is IDelegateExecutor {
    IERC20 private _token;
    uint256 private _handedOver;

    /// @notice Announce `amount` of the order's payment, and hand `handedOver` over when it is collected.
    function pay(address target, bytes32 orderId, address payer, address token, uint256 amount, uint256 handedOver)
        external
    {
        (_token, _handedOver) = (IERC20(token), handedOver);
        IDelegateTarget(target).onPayment(orderId, payer, token, amount, "");
    }

    /// @inheritdoc IDelegateExecutor
    function collect() external {
        _token.transfer(msg.sender, _handedOver);
    }
}
