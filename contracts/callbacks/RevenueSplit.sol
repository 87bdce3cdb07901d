// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {OneTokenCallback} from "../base/OneTokenCallback.sol";
import {X402Callback} from "../X402Callback.sol";

/// @title A payment is shared out at once; each party takes its money when it likes.
/// @notice Base action: every party gets its part of the amount, rounded down, and one named party the rest, to the
/// atomic unit. Who gets how much is fixed for good when the contract is made. One party's trouble with the token is
/// nobody else's: nothing is sent until it is asked for.
contract RevenueSplit is OneTokenCallback {
    /// @notice A party and its part in basis points: 10,000 are the whole.
    struct Share {
        address party;
        uint16 basisPoints;
    }

    /// @notice The most parties there can be beside the one that gets the rest; so that the action's gas suffices.
    uint256 public constant MOST_SHARES = 10;

    uint256 private constant WHOLE = 10_000;
    /// @dev Stands for the order in the books: what a party takes is of many.
    bytes32 private constant MANY_ORDERS = 0;
    /// @dev With ten parties and all storage new a split takes 303,000; after that, 102,000.
    uint256 private constant SPLIT_GAS = 450_000;

    /// @notice The party that gets what is left of each payment.
    address public immutable REST;

    /// @notice What a party may take.
    mapping(address party => uint256) public owed;

    Share[] private _shares;

    /// @notice The order's payment was shared out by {shares}.
    event PaymentSplit(bytes32 indexed orderId, address indexed payer, uint256 amount);
    /// @notice `party` had `amount` of what it was owed sent to `to`.
    event ShareWithdrawn(address indexed party, address indexed to, uint256 amount);

    /// @notice Shares need a party and a part each, ten of them at most, and no more than the whole together.
    error SharesInvalid();
    /// @notice There is nothing here for `caller`.
    error NothingOwed(address caller);

    /// @param owner who edits the lists; no party unless it is named as one
    /// @param callers the delegate wallets, or their relayers, that hand payments in
    /// @param token what is shared
    /// @param permit2 the Permit2 that payments may come through
    /// @param bounds the smallest and the largest payment
    /// @param shares_ who gets which part
    /// @param rest who gets what is left
    constructor(
        address owner,
        address[] memory callers,
        address token,
        address permit2,
        Bounds memory bounds,
        Share[] memory shares_,
        address rest
    ) OneTokenCallback(owner, callers, token, permit2, _baseAction(bounds.minimum, bounds.maximum), SPLIT_GAS) {
        require(rest != address(0) && shares_.length <= MOST_SHARES, SharesInvalid());
        REST = rest;
        uint256 sum;
        for (uint256 i; i < shares_.length; ++i) {
            require(shares_[i].party != address(0) && shares_[i].basisPoints != 0, SharesInvalid());
            sum += shares_[i].basisPoints;
            _shares.push(shares_[i]);
        }
        require(sum <= WHOLE, SharesInvalid());
    }

    /// @notice Send everything that the caller is owed to `to`.
    /// @return amount how much it was
    function withdraw(address to) external nonReentrant returns (uint256 amount) {
        amount = owed[msg.sender];
        require(amount != 0, NothingOwed(msg.sender));
        owed[msg.sender] = 0;
        emit ShareWithdrawn(msg.sender, to, amount);
        _payOut(MANY_ORDERS, TOKEN, to, amount);
    }

    /// @notice Who gets which part of every payment; {REST} gets what they leave.
    function shares() external view returns (Share[] memory) {
        return _shares;
    }

    /// @inheritdoc X402Callback
    function _onPayment(Payment calldata payment) internal override {
        uint256 rest = payment.amount;
        uint256 count = _shares.length;
        for (uint256 i; i < count; ++i) {
            Share memory share = _shares[i];
            uint256 part = payment.amount * share.basisPoints / WHOLE;
            owed[share.party] += part;
            rest -= part;
        }
        owed[REST] += rest;
        emit PaymentSplit(payment.orderId, payment.payer, payment.amount);
        _recordLiability(payment.orderId, TOKEN, payment.amount);
    }
}
