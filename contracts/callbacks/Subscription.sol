// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {OneTokenCallback} from "../base/OneTokenCallback.sol";
import {X402Callback} from "../X402Callback.sol";

/// @title A payment extends a subscription, to the second.
/// @notice Base action: for the payer. Chosen action `extendFor(address subscriber)`: for whom the payer names. Time is
/// bought in proportion: any amount from the price of one period on, rounded down to a second.
contract Subscription is OneTokenCallback {
    /// @notice Selector of `extendFor(address subscriber)`.
    bytes4 public constant EXTEND_FOR = bytes4(keccak256("extendFor(address)"));

    /// @dev A first period, with all its storage new, takes 55,000; those after it, 21,000.
    uint256 private constant EXTEND_GAS = 120_000;

    /// @notice What a period costs, in atomic units.
    uint128 public immutable PRICE;
    /// @notice Seconds in a period.
    uint64 public immutable PERIOD;

    /// @notice Second at which a subscription ends; 0 for who never had one.
    mapping(address subscriber => uint64) public paidUntil;

    /// @notice The order's payment bought `subscriber` time up to `paidUntil`.
    event Extended(bytes32 indexed orderId, address indexed payer, address indexed subscriber, uint64 paidUntil);

    /// @notice A subscription needs a price and a period.
    error TermsMissing();
    /// @notice The payment buys nobody any time.
    error NothingBought(bytes32 orderId);

    /// @param owner who edits the lists and takes the revenue
    /// @param callers the delegate wallets, or their relayers, that hand payments in
    /// @param token what subscriptions are paid in
    /// @param permit2 the Permit2 that payments may come through
    /// @param price of a period, in atomic units of `token`
    /// @param period in seconds
    /// @param most how many periods one payment may buy
    constructor(
        address owner,
        address[] memory callers,
        address token,
        address permit2,
        uint128 price,
        uint64 period,
        uint32 most
    ) OneTokenCallback(owner, callers, token, permit2, _actions(price, most), EXTEND_GAS) {
        require(price != 0 && period != 0, TermsMissing());
        PRICE = price;
        PERIOD = period;
    }

    /// @notice Whether `subscriber` has paid for now.
    function isActive(address subscriber) external view returns (bool) {
        return block.timestamp < paidUntil[subscriber];
    }

    /// @inheritdoc X402Callback
    function _onPayment(Payment calldata payment) internal override {
        _extend(payment, payment.payer);
    }

    /// @inheritdoc X402Callback
    function _onCalldata(Payment calldata payment, bytes4 selector, bytes calldata arguments) internal override {
        require(selector == EXTEND_FOR, ActionNotListed(selector));
        _extend(payment, abi.decode(arguments, (address)));
    }

    /// @dev From the end of what is paid, or from now.
    function _extend(Payment calldata payment, address subscriber) private {
        uint256 bought = payment.amount * PERIOD / PRICE;
        require(bought != 0 && subscriber != address(0), NothingBought(payment.orderId));
        uint256 from = paidUntil[subscriber];
        if (from < block.timestamp) from = block.timestamp;
        uint64 until = SafeCast.toUint64(from + bought);
        paidUntil[subscriber] = until;
        emit Extended(payment.orderId, payment.payer, subscriber, until);
        _declareRevenue(payment.orderId, TOKEN, payment.amount);
    }

    /// @dev Both actions, from one period on.
    function _actions(uint128 price, uint32 most) private pure returns (Action[] memory actions) {
        Bounds memory bounds = Bounds(price, price * most);
        actions = new Action[](2);
        actions[0] = Action(BASE_ACTION, bounds);
        actions[1] = Action(EXTEND_FOR, bounds);
    }
}
