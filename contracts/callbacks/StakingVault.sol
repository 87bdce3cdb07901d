// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {OneTokenCallback} from "../base/OneTokenCallback.sol";
import {X402Callback} from "../X402Callback.sol";

/// @title A payment is staked for its payer, who alone takes it back, whenever he likes.
/// @notice Base action: the whole payment becomes a stake of the payer's, one for each order. What is staked is owed to
/// the stakers: neither the owner nor anybody else has a way to it, and no server is needed to take it back.
contract StakingVault is OneTokenCallback {
    /// @notice One order's stake, in one word: a token with more than 2^96 atomic units a stake is not for this vault.
    struct Stake {
        address holder;
        uint96 amount;
    }

    /// @dev A first stake, with all its storage new, takes 81,000; those after it, 47,000.
    uint256 private constant STAKE_GAS = 150_000;

    /// @notice Stakes by order; none where it was taken back.
    mapping(bytes32 orderId => Stake) public stakes;
    /// @notice All that a holder has staked.
    mapping(address holder => uint256) public stakedBy;

    /// @notice The order's payment is staked; `total` is what its payer has staked now.
    event Staked(bytes32 indexed orderId, address indexed payer, uint256 amount, uint256 total);
    /// @notice The order's stake was sent to `to`; `total` is what the holder has staked still.
    event Unstaked(bytes32 indexed orderId, address indexed holder, address indexed to, uint256 amount, uint256 total);

    /// @notice The order's stake is not `caller`'s, or was taken back.
    error NotStaked(bytes32 orderId, address caller);

    /// @param owner who edits the lists
    /// @param callers the delegate wallets, or their relayers, that hand payments in
    /// @param token what is staked
    /// @param permit2 the Permit2 that payments may come through
    /// @param minimum the smallest stake, in atomic units
    /// @param maximum the largest stake, in atomic units
    constructor(address owner, address[] memory callers, address token, address permit2, uint96 minimum, uint96 maximum)
        OneTokenCallback(owner, callers, token, permit2, _baseAction(minimum, maximum), STAKE_GAS)
    {}

    /// @notice Send an order's stake to `to`; its holder alone may.
    /// @return amount what was staked
    function unstake(bytes32 orderId, address to) external nonReentrant returns (uint256 amount) {
        Stake memory stake = stakes[orderId];
        require(stake.holder == msg.sender, NotStaked(orderId, msg.sender));
        amount = stake.amount;
        delete stakes[orderId];
        uint256 total = stakedBy[msg.sender] -= amount;
        emit Unstaked(orderId, msg.sender, to, amount, total);
        _payOut(orderId, TOKEN, to, amount);
    }

    /// @inheritdoc X402Callback
    /// @dev Whatever bounds the owner lists, an amount that does not fit its word is refused and not cut.
    function _onPayment(Payment calldata payment) internal override {
        stakes[payment.orderId] = Stake(payment.payer, SafeCast.toUint96(payment.amount));
        uint256 total = stakedBy[payment.payer] += payment.amount;
        emit Staked(payment.orderId, payment.payer, payment.amount, total);
        _recordLiability(payment.orderId, TOKEN, payment.amount);
    }
}
