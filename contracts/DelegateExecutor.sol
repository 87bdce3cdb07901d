// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {BoundedCall} from "./base/BoundedCall.sol";
import {TwoStepOwner} from "./base/TwoStepOwner.sol";
import {IDelegateExecutor} from "./interfaces/IDelegateExecutor.sol";
import {IDelegateTarget} from "./interfaces/IDelegateTarget.sol";
import {IEIP3009Bytes} from "./interfaces/IEIP3009Bytes.sol";
import {IPermit2} from "./interfaces/IPermit2.sol";

/// @title Pays a contract and has it act, in one chain transaction, by one signature of the payer.
/// @notice The payer signs a payment to this contract whose nonce is a commitment to all that is to happen: token,
/// amount, target, action, order, quote and deadline. Anyone may submit it. The money goes payer -> executor -> target
/// and the target acts, or nothing happens at all: the payer's balance and nonce are untouched, and the same signature
/// works later, until the deadline or until the payer cancels it in the token (by Permit2: invalidates its nonce).
///
/// @dev Only the owner's list of targets, each with its gas, is kept here. No money stays; send this contract none.
///
/// The commitment is the EIP-712 struct hash of
///   DelegatePayment(uint256 chainId,address executor,address payer,address token,uint256 amount,address target,
///   bytes callData,bytes32 orderId,bytes32 quoteHash,uint256 deadline,bytes32 salt)
/// that is: keccak256(abi.encode(DELEGATE_TYPEHASH, chainId, executor, payer, token, amount, target,
/// keccak256(callData), orderId, quoteHash, deadline, salt)); compare with {nonceOf}. The payer signs either
///   - EIP-3009 `ReceiveWithAuthorization` of the token: from payer, to this contract, value amount, validAfter 0,
///     validBefore deadline, nonce the commitment; only this contract can spend that; or
///   - Permit2 `PermitWitnessTransferFrom`: spender this contract, the commitment both as nonce and as `witness`.
///
/// An order id belongs to its payer: it must be {orderIdOf}(quoteHash, payer). A stranger who reads it from a pending
/// chain transaction cannot use it up with a payment of his own.
///
/// `callData` is the action as the target's guard knows it: empty for the target's base action, else a listed selector
/// and its arguments. It is handed over as data; the only function called on a target is
/// {IDelegateTarget-onPayment}, and the target checks selector, price and order for itself.
contract DelegateExecutor is IDelegateExecutor, TwoStepOwner, ReentrancyGuardTransient, BoundedCall {
    using SafeERC20 for IERC20;

    /// @notice All that a payer commits to, beside this contract and its chain.
    /// @param payer whose money it is, an EOA or an ERC-1271 wallet
    /// @param token what is paid in
    /// @param amount atomic units, all of which reach the target
    /// @param target a listed callback contract
    /// @param callData the target's action: empty, or a selector and its arguments
    /// @param orderId {orderIdOf}(quoteHash, payer)
    /// @param quoteHash what the seller offered
    /// @param deadline EIP-3009: first second at which it is too late; Permit2: last at which it is not
    /// @param salt the payer's choice, by which two payments differ that are otherwise the same
    struct DelegatePayment {
        address payer;
        address token;
        uint256 amount;
        address target;
        bytes callData;
        bytes32 orderId;
        bytes32 quoteHash;
        uint256 deadline;
        bytes32 salt;
    }

    /// @notice Permit2, where it is on every chain.
    IPermit2 public constant PERMIT2 = IPermit2(0x000000000022D473030F116dDEE9F6B43aC78BA3);
    /// @notice EIP-712 type hash of the commitment.
    bytes32 public constant DELEGATE_TYPEHASH = keccak256(
        "DelegatePayment(uint256 chainId,address executor,address payer,address token,uint256 amount,address target,"
        "bytes callData,bytes32 orderId,bytes32 quoteHash,uint256 deadline,bytes32 salt)"
    );
    /// @notice How Permit2 is told of the commitment.
    string public constant WITNESS_TYPE_STRING = "DelegatePayment witness)DelegatePayment(uint256 chainId,address executor,address payer,address token,"
        "uint256 amount,address target,bytes callData,bytes32 orderId,bytes32 quoteHash,uint256 deadline,bytes32 salt)"
        "TokenPermissions(address token,uint256 amount)";
    /// @dev The longest error of a target passed on as it is: a selector and five arguments.
    uint256 private constant ERROR_LENGTH = 164;

    /// @notice Gas that a target gets, no less and no more; 0 where it is not listed.
    mapping(address target => uint256) public gasOf;

    /// @dev What the target that is being called may collect; `_target` is nobody when there is nothing to collect.
    address private transient _target;
    address private transient _token;
    uint256 private transient _amount;

    /// @notice `target` gets `gas_` a call from now on; 0: it was struck off.
    event TargetListed(address indexed target, uint256 gas_);
    /// @notice The order was paid and its target acted. `nonce` is the commitment, used up in the token or in Permit2.
    event PaymentExecuted(
        bytes32 indexed orderId,
        address indexed payer,
        address indexed target,
        address token,
        uint256 amount,
        bytes32 nonce
    );

    /// @notice `target` is not listed.
    error TargetNotListed(address target);
    /// @notice The payer's id of an order by that quote is `expected`.
    error OrderIdInvalid(bytes32 orderId, bytes32 expected);
    /// @notice The pull changed this contract's balance from `before` to `afterwards`, which is not by `amount`.
    error AmountNotReceived(uint256 amount, uint256 before, uint256 afterwards);
    /// @notice The target left `left` of the token here where `before` should be.
    error AmountNotCollected(uint256 before, uint256 left);
    /// @notice There is nothing to collect for `caller` now.
    error NothingToCollect(address caller);

    /// @param owner_ who lists targets
    constructor(address owner_) Ownable(owner_) {}

    /// @notice List `target` and the gas that it gets for taking a payment, its action included; 0 strikes it off.
    function listTarget(address target, uint256 gas_) external onlyOwner {
        gasOf[target] = gas_;
        emit TargetListed(target, gas_);
    }

    /// @notice Execute a payment by EIP-3009 with an EOA's signature.
    function executeEip3009(DelegatePayment calldata payment, uint8 v, bytes32 r, bytes32 s) external nonReentrant {
        (bytes32 nonce, uint256 held) = _begin(payment);
        IERC3009(payment.token)
            .receiveWithAuthorization(payment.payer, address(this), payment.amount, 0, payment.deadline, nonce, v, r, s);
        _finish(payment, held);
    }

    /// @notice Execute a payment by EIP-3009 with a signature of any form that the payer, a smart wallet too, accepts.
    /// @dev For tokens with the `bytes` form, as USDC 2.2 has it.
    function executeEip3009Bytes(DelegatePayment calldata payment, bytes calldata signature) external nonReentrant {
        (bytes32 nonce, uint256 held) = _begin(payment);
        IEIP3009Bytes(payment.token)
            .receiveWithAuthorization(
                payment.payer, address(this), payment.amount, 0, payment.deadline, nonce, signature
            );
        _finish(payment, held);
    }

    /// @notice Execute a payment by Permit2, for tokens without EIP-3009.
    function executePermit2(DelegatePayment calldata payment, bytes calldata signature) external nonReentrant {
        (bytes32 nonce, uint256 held) = _begin(payment);
        uint256 amount = payment.amount;
        PERMIT2.permitWitnessTransferFrom(
            IPermit2.PermitTransferFrom(
                IPermit2.TokenPermissions(payment.token, amount), uint256(nonce), payment.deadline
            ),
            IPermit2.SignatureTransferDetails(address(this), amount),
            payment.payer,
            nonce,
            WITNESS_TYPE_STRING,
            signature
        );
        _finish(payment, held);
    }

    /// @inheritdoc IDelegateExecutor
    function collect() external {
        require(msg.sender == _target, NothingToCollect(msg.sender));
        _target = address(0);
        IERC20(_token).safeTransfer(msg.sender, _amount);
    }

    /// @notice The commitment to a payment, which is the nonce that its payer signs.
    function nonceOf(DelegatePayment calldata payment) public view returns (bytes32) {
        return keccak256(
            abi.encode(
                DELEGATE_TYPEHASH,
                block.chainid,
                address(this),
                payment.payer,
                payment.token,
                payment.amount,
                payment.target,
                keccak256(payment.callData),
                payment.orderId,
                payment.quoteHash,
                payment.deadline,
                payment.salt
            )
        );
    }

    /// @notice The id that a payer's order by a quote has on chain.
    function orderIdOf(bytes32 quoteHash, address payer) public pure returns (bytes32) {
        return keccak256(abi.encode(quoteHash, payer));
    }

    /// @dev Checks and effects. Returns the nonce that the payer must have signed, and the balance before the pull.
    function _begin(DelegatePayment calldata payment) private returns (bytes32 nonce, uint256 held) {
        require(gasOf[payment.target] != 0, TargetNotListed(payment.target));
        bytes32 orderId = orderIdOf(payment.quoteHash, payment.payer);
        require(payment.orderId == orderId, OrderIdInvalid(payment.orderId, orderId));
        nonce = nonceOf(payment);
        emit PaymentExecuted(orderId, payment.payer, payment.target, payment.token, payment.amount, nonce);
        held = IERC20(payment.token).balanceOf(address(this));
    }

    /// @dev Counts what came, has the target take it and act, and counts what stayed.
    function _finish(DelegatePayment calldata payment, uint256 held) private {
        IERC20 token = IERC20(payment.token);
        uint256 received = token.balanceOf(address(this));
        require(
            received >= held && received - held == payment.amount, AmountNotReceived(payment.amount, held, received)
        );
        (_target, _token, _amount) = (payment.target, payment.token, payment.amount);
        bytes memory call_ = abi.encodeCall(
            IDelegateTarget.onPayment, (payment.orderId, payment.payer, payment.token, payment.amount, payment.callData)
        );
        _callBounded(payment.target, gasOf[payment.target], call_, payment.orderId, ERROR_LENGTH);
        uint256 left = token.balanceOf(address(this));
        require(left == held, AmountNotCollected(held, left));
    }
}
