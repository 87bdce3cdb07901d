// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {TwoStepOwner} from "./TwoStepOwner.sol";

/// @title The books of a contract that holds money: what it owes and what it earned.
/// @notice Per token, the balance equals liabilities plus revenue plus what strangers sent by mistake (the surplus).
/// The owner takes declared revenue and nothing else.
abstract contract PaymentBooks is TwoStepOwner, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @notice Tokens held for others.
    mapping(address token => uint256 amount) public liabilities;
    /// @notice Tokens earned and not yet withdrawn.
    mapping(address token => uint256 amount) public revenue;

    /// @notice `amount` of the order's payment became revenue.
    event RevenueDeclared(bytes32 indexed orderId, address indexed token, uint256 amount);
    /// @notice `amount` of the order's payment is held for somebody.
    event LiabilityRecorded(bytes32 indexed orderId, address indexed token, uint256 amount);
    /// @notice `amount` held for the order (0: for many orders) is held no longer.
    event LiabilityReleased(bytes32 indexed orderId, address indexed token, uint256 amount);
    /// @notice `amount` that came outside of any order became revenue.
    event SurplusDeclared(address indexed token, uint256 amount);
    /// @notice The owner sent `amount` of revenue to `to`.
    event RevenueWithdrawn(address indexed token, address indexed to, uint256 amount);

    /// @notice Less than `asked` was earned: `available`.
    error RevenueTooSmall(address token, uint256 asked, uint256 available);
    /// @notice An action moved `token` by other amounts than it booked.
    /// @param held the balance after the action
    /// @param booked what the balance should be by the books
    error BooksOutOfBalance(address token, uint256 held, uint256 booked);

    /// @notice Send `amount` of declared revenue to `to`.
    function withdrawRevenue(address token, address to, uint256 amount) external onlyOwner nonReentrant {
        uint256 available = revenue[token];
        require(amount <= available, RevenueTooSmall(token, amount, available));
        revenue[token] = available - amount;
        emit RevenueWithdrawn(token, to, amount);
        IERC20(token).safeTransfer(to, amount);
    }

    /// @notice Book as revenue what came outside of any order, so that a stray transfer is not lost for good.
    function declareSurplus(address token) external onlyOwner nonReentrant returns (uint256 amount) {
        amount = _balance(token) - _booked(token);
        revenue[token] += amount;
        emit SurplusDeclared(token, amount);
    }

    /// @dev For actions: `amount` of the order's payment is earned.
    function _declareRevenue(bytes32 orderId, address token, uint256 amount) internal {
        revenue[token] += amount;
        emit RevenueDeclared(orderId, token, amount);
    }

    /// @dev For actions: `amount` of the order's payment is somebody else's.
    function _recordLiability(bytes32 orderId, address token, uint256 amount) internal {
        liabilities[token] += amount;
        emit LiabilityRecorded(orderId, token, amount);
    }

    /// @dev For actions: `amount` held for the order is about to be paid out, or was earned.
    function _releaseLiability(bytes32 orderId, address token, uint256 amount) internal {
        liabilities[token] -= amount;
        emit LiabilityReleased(orderId, token, amount);
    }

    /// @dev Pays `amount` held for the order (0: for many orders) to `to`. The caller is `nonReentrant`.
    function _payOut(bytes32 orderId, address token, address to, uint256 amount) internal {
        _releaseLiability(orderId, token, amount);
        IERC20(token).safeTransfer(to, amount);
    }

    /// @dev What the books say is here.
    function _booked(address token) internal view returns (uint256) {
        return liabilities[token] + revenue[token];
    }

    /// @dev What is here.
    function _balance(address token) internal view returns (uint256) {
        return IERC20(token).balanceOf(address(this));
    }
}
