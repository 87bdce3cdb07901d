// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {X402Callback} from "../../X402Callback.sol";

/// @title A callback whose payer may choose its crime.
/// @notice The base action behaves: it counts the payment as revenue. Each calldata action commits what it is named
/// for. They are named here as external functions that always revert, so that their selectors have names.
contract MisbehavingCallback is X402Callback {
    /// @notice Payments acted upon, by order id.
    mapping(bytes32 orderId => uint256) public effects;
    /// @notice All effects together.
    uint256 public totalEffects;
    /// @notice Gas that the last action began with.
    uint256 public gasSeen;
    /// @notice Whether the call that the last action made went through, and what came back.
    bool public callSucceeded;
    bytes public callAnswer;

    /// @notice Nobody calls an action from outside.
    error NotAnEntry();

    /// @param lists who and what is listed
    /// @param actions what may be asked for, and for how much
    /// @param actionGas gas for every action
    constructor(Lists memory lists, Action[] memory actions, uint256 actionGas)
        X402Callback(lists, actions, actionGas)
    {}

    /// @notice Action: behave, but for somebody else.
    function behave(address) external pure {
        revert NotAnEntry();
    }

    /// @notice Action: hold the payment for somebody instead of earning it.
    function owe() external pure {
        revert NotAnEntry();
    }

    /// @notice Action: revert with the given bytes.
    function fail(bytes calldata) external pure {
        revert NotAnEntry();
    }

    /// @notice Action: burn all gas.
    function burnGas() external pure {
        revert NotAnEntry();
    }

    /// @notice Action: revert with as many bytes as asked.
    function bomb(uint256) external pure {
        revert NotAnEntry();
    }

    /// @notice Action: take the payment without booking it.
    function hoard() external pure {
        revert NotAnEntry();
    }

    /// @notice Action: send tokens away that the books still count.
    function embezzle(address, uint256) external pure {
        revert NotAnEntry();
    }

    /// @notice Action: call whatever the payer wants.
    function callOut(address, bytes calldata) external pure {
        revert NotAnEntry();
    }

    /// @inheritdoc X402Callback
    function _onPayment(Payment calldata payment) internal override {
        gasSeen = gasleft();
        _count(payment);
        _declareRevenue(payment.orderId, payment.token, payment.amount);
    }

    /// @inheritdoc X402Callback
    function _onCalldata(Payment calldata payment, bytes4 selector, bytes calldata arguments) internal override {
        if (selector == this.hoard.selector) return _count(payment);
        if (selector == this.owe.selector) {
            _count(payment);
            return _recordLiability(payment.orderId, payment.token, payment.amount);
        }
        _onPayment(payment);
        if (selector == this.fail.selector) {
            _fail(abi.decode(arguments, (bytes)));
        } else if (selector == this.burnGas.selector) {
            while (true) {}
        } else if (selector == this.bomb.selector) {
            _bomb(abi.decode(arguments, (uint256)));
        } else if (selector == this.embezzle.selector) {
            _embezzle(payment.token, arguments);
        } else if (selector == this.callOut.selector) {
            _callOut(arguments);
        } else {
            // Crime: takes the base action's empty selector for an action; the base must not let it come so far.
            require(selector == this.behave.selector || selector == BASE_ACTION, ActionNotListed(selector));
        }
    }

    function _count(Payment calldata payment) private {
        ++effects[payment.orderId];
        ++totalEffects;
    }

    function _fail(bytes memory reason) private pure {
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }

    function _bomb(uint256 size) private pure {
        assembly ("memory-safe") {
            mstore(0, shl(224, 0x0badb00b))
            revert(0, size)
        }
    }

    function _embezzle(address token, bytes calldata arguments) private {
        (address to, uint256 amount) = abi.decode(arguments, (address, uint256));
        IERC20(token).transfer(to, amount);
    }

    function _callOut(bytes calldata arguments) private {
        (address target, bytes memory data) = abi.decode(arguments, (address, bytes));
        (callSucceeded, callAnswer) = target.call(data);
    }
}
