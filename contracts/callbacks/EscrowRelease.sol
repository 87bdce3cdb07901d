// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {OneTokenCallback} from "../base/OneTokenCallback.sol";
import {X402Callback} from "../X402Callback.sol";

/// @title A payment is held until its delivery is confirmed, or goes back.
/// @notice Base action: the payment is held for {PERIOD}. Until then the arbiter (who may be the merchant, where buyers
/// trust it) releases it on delivery; the payer may at any time. From then on only the payer decides, and takes it back
/// with no server, merchant or arbiter alive. Arbiter and owner may give it back to the payer at any time.
/// @dev What is released becomes revenue of the owner, the merchant; what is held is owed, and out of the owner's reach.
contract EscrowRelease is OneTokenCallback {
    /// @notice One order's payment; no payer where it was released or given back.
    struct Hold {
        address payer;
        uint96 amount;
        uint64 deadline;
    }

    /// @dev A first hold, with all its storage new, takes 77,000; those after it, 60,000.
    uint256 private constant HOLD_GAS = 150_000;

    /// @notice Who confirms deliveries.
    address public immutable ARBITER;
    /// @notice Seconds for which a payment is held.
    uint64 public immutable PERIOD;

    /// @notice What is held, by order.
    mapping(bytes32 orderId => Hold) public holds;

    /// @notice The order's payment is held; from `deadline` on its payer may take it back.
    event Held(bytes32 indexed orderId, address indexed payer, uint256 amount, uint64 deadline);
    /// @notice The order was delivered, says `by`: its payment is the merchant's.
    event Released(bytes32 indexed orderId, address indexed by, uint256 amount);
    /// @notice The order's payment went back to its payer, or by his word to `to`.
    event GivenBack(bytes32 indexed orderId, address indexed by, address indexed to, uint256 amount);

    /// @notice Nothing is held for the order (any more).
    error NotHeld(bytes32 orderId);
    /// @notice `caller` has no say in this now.
    error NotAllowed(bytes32 orderId, address caller);
    /// @notice The payment is held until `deadline`.
    error HeldUntil(uint256 deadline);
    /// @notice An escrow needs an arbiter and a time.
    error TermsMissing();

    /// @param owner the merchant: edits the lists and takes what is released
    /// @param callers the delegate wallets, or their relayers, that hand payments in
    /// @param token what is paid in
    /// @param permit2 the Permit2 that payments may come through
    /// @param bounds the smallest and the largest payment
    /// @param arbiter who confirms deliveries
    /// @param period seconds for which a payment is held
    constructor(
        address owner,
        address[] memory callers,
        address token,
        address permit2,
        Bounds memory bounds,
        address arbiter,
        uint64 period
    ) OneTokenCallback(owner, callers, token, permit2, _baseAction(bounds.minimum, bounds.maximum), HOLD_GAS) {
        require(arbiter != address(0) && period != 0, TermsMissing());
        ARBITER = arbiter;
        PERIOD = period;
    }

    /// @notice The order was delivered: its payment becomes revenue. The payer says so, or, in time, the arbiter.
    function release(bytes32 orderId) external nonReentrant {
        Hold memory hold = _take(orderId);
        require(
            msg.sender == hold.payer || (msg.sender == ARBITER && block.timestamp < hold.deadline),
            NotAllowed(orderId, msg.sender)
        );
        emit Released(orderId, msg.sender, hold.amount);
        _releaseLiability(orderId, TOKEN, hold.amount);
        _declareRevenue(orderId, TOKEN, hold.amount);
    }

    /// @notice Send the order's payment back to its payer; arbiter or owner say so.
    function giveBack(bytes32 orderId) external nonReentrant {
        Hold memory hold = _take(orderId);
        require(msg.sender == ARBITER || msg.sender == owner(), NotAllowed(orderId, msg.sender));
        _sendBack(orderId, hold.payer, hold.amount);
    }

    /// @notice Take the order's payment back, to `to`: its payer alone may, from the deadline on.
    function reclaim(bytes32 orderId, address to) external nonReentrant {
        Hold memory hold = _take(orderId);
        require(msg.sender == hold.payer, NotAllowed(orderId, msg.sender));
        require(block.timestamp >= hold.deadline, HeldUntil(hold.deadline));
        _sendBack(orderId, to, hold.amount);
    }

    /// @inheritdoc X402Callback
    /// @dev Whatever bounds the owner lists, an amount that does not fit its word is refused and not cut.
    function _onPayment(Payment calldata payment) internal override {
        uint64 deadline = uint64(block.timestamp) + PERIOD;
        holds[payment.orderId] = Hold(payment.payer, SafeCast.toUint96(payment.amount), deadline);
        emit Held(payment.orderId, payment.payer, payment.amount, deadline);
        _recordLiability(payment.orderId, TOKEN, payment.amount);
    }

    /// @dev What is held for the order, and is from now on not.
    function _take(bytes32 orderId) private returns (Hold memory hold) {
        hold = holds[orderId];
        require(hold.payer != address(0), NotHeld(orderId));
        delete holds[orderId];
    }

    function _sendBack(bytes32 orderId, address to, uint256 amount) private {
        emit GivenBack(orderId, msg.sender, to, amount);
        _payOut(orderId, TOKEN, to, amount);
    }
}
