// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {X402Callback} from "../X402Callback.sol";
import {ActionFrame} from "./ActionFrame.sol";

/// @title A callback that counts in one token, whatever else its owner lists.
abstract contract OneTokenCallback is X402Callback {
    /// @notice The token that payments come in, and that everything here is counted in.
    address public immutable TOKEN;

    /// @notice Payments come in another token than `token`.
    error TokenNotTaken(address token);

    /// @param owner who edits the lists and takes the revenue
    /// @param callers the delegate wallets, or their relayers, that hand payments in
    /// @param token what is paid in
    /// @param permit2 the Permit2 that payments may come through
    /// @param actions the selectors to begin with, each with its price
    /// @param actionGas gas for every action
    constructor(
        address owner,
        address[] memory callers,
        address token,
        address permit2,
        Action[] memory actions,
        uint256 actionGas
    ) X402Callback(Lists(owner, callers, _one(token), _one(permit2)), actions, actionGas) {
        TOKEN = token;
    }

    /// @inheritdoc ActionFrame
    function _act(Payment calldata payment, bytes calldata action) internal override {
        require(payment.token == TOKEN, TokenNotTaken(payment.token));
        super._act(payment, action);
    }

    /// @dev The base action alone, within its bounds.
    function _baseAction(uint128 minimum, uint128 maximum) internal pure returns (Action[] memory actions) {
        actions = new Action[](1);
        actions[0] = Action(BASE_ACTION, Bounds(minimum, maximum));
    }

    /// @dev A list of one.
    function _one(address item) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = item;
    }
}
