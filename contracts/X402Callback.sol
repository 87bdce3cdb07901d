// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {ActionFrame} from "./base/ActionFrame.sol";
import {PaymentBooks} from "./base/PaymentBooks.sol";
import {PaymentGuard} from "./base/PaymentGuard.sol";
import {IDelegateExecutor} from "./interfaces/IDelegateExecutor.sol";
import {IDelegateTarget} from "./interfaces/IDelegateTarget.sol";
import {IPermit2} from "./interfaces/IPermit2.sol";
import {IX402Callback} from "./interfaces/IX402Callback.sol";
import {CallbackTypedData} from "./libraries/CallbackTypedData.sol";

/// @title Base of every contract that acts when an x402 payment arrives.
/// @notice A delegate wallet hands a payment in; this base checks it, pulls the money, checks that exactly the amount
/// came, runs the action and checks the books. A subclass writes only what the action does ({_onPayment},
/// {_onCalldata}) and must book all the money that stays. Whatever fails, everything is undone.
///
/// @dev Order ids. An order is worked on once. The base entries carry no order id: there the nonce of the pull is the
/// order id (keccak256 of its UTF-8 bytes), so that payout and refund, both authorizations of the delegate wallet with
/// that nonce, exclude each other in the token. With calldata, `orderId` and `calldataNonce` are the same value. From an
/// executor the order id comes as the payer signed it, and is that payer's alone.
///
/// Who may spend. EIP-3009 pulls use `receiveWithAuthorization` and Permit2 binds its spender, so that nobody can
/// spend the delegate wallet's signature outside of this contract. A listed executor hands over in {onPayment} what the
/// payer's one signature moved to it; the payer's part is then proved by the token, and the rest is as ever.
///
/// What the payer signs. Our own struct, which names the payment's nonce, is always accepted. GOAT's struct, which
/// does not, is accepted where the nonce is the order id that it does name: in either case the signature covers
/// chain, contract, token, amount, order, deadline, calldata and payment. See {CallbackTypedData}.
///
/// The action runs in a frame of its own with a fixed amount of gas: less cannot be given by a relayer, more cannot be
/// burnt, and no more than an error of one argument is read back. The frame is entered by one self-call of
/// {performAction}; calldata is handed over as data and never called, so there is no selector to smuggle in.
abstract contract X402Callback is IX402Callback, IDelegateTarget, PaymentGuard, PaymentBooks, ActionFrame, EIP712 {
    /// @notice Whether the order was worked on.
    mapping(bytes32 orderId => bool) public isConsumed;

    /// @notice The payment of an order came in and its action ran; `selector` is 0 for the base action.
    event PaymentAccepted(
        bytes32 indexed orderId, address indexed payer, address indexed token, uint256 amount, bytes4 selector
    );

    /// @notice The order was worked on before.
    error OrderConsumed(bytes32 orderId);
    /// @notice `orderId` and `calldataNonce` must be the same value.
    error OrderIdMismatch(bytes32 orderId, uint256 calldataNonce);
    /// @notice The payer's signature counted until `deadline`.
    error DeadlinePassed(bytes32 orderId, uint256 deadline);
    /// @notice `payer` did not sign this action for this payment.
    error PayerSignatureInvalid(bytes32 orderId, address payer);
    /// @notice A payment needs a payer.
    error PayerMissing(bytes32 orderId);
    /// @notice The pull changed this contract's balance from `before` to `afterwards`, which is not by `amount`.
    error AmountNotReceived(bytes32 orderId, uint256 amount, uint256 before, uint256 afterwards);

    /// @param lists owner, callers, tokens and Permit2s to begin with
    /// @param actions the selectors to begin with, each with its price; {BASE_ACTION} is the base action
    /// @param actionGas gas for every action
    constructor(Lists memory lists, Action[] memory actions, uint256 actionGas)
        PaymentGuard(lists, actions)
        ActionFrame(actionGas)
        EIP712("GoatX402 Pay Callback", "1")
    {}

    /// @inheritdoc IX402Callback
    function x402SpentEip3009(
        address token,
        address originalPayer,
        address owner,
        uint256 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant {
        _requireCaller();
        Payment memory payment = Payment(nonce, originalPayer, token, amount);
        _check(payment, BASE_ACTION);
        uint256 held = _consume(payment, BASE_ACTION);
        IERC3009(token).receiveWithAuthorization(owner, address(this), amount, validAfter, validBefore, nonce, v, r, s);
        _perform(payment, held, "");
    }

    /// @inheritdoc IX402Callback
    function x402SpentPermit2(
        address permit2,
        address token,
        address originalPayer,
        address owner,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external nonReentrant {
        _requireCaller();
        Payment memory payment = Payment(bytes32(nonce), originalPayer, token, amount);
        _check(payment, BASE_ACTION);
        _requirePermit2(permit2);
        uint256 held = _consume(payment, BASE_ACTION);
        _pullByPermit2(permit2, payment, owner, nonce, deadline, signature);
        _perform(payment, held, "");
    }

    /// @inheritdoc IX402Callback
    function x402SpentEip3009WithCalldata(
        address token,
        address originalPayer,
        address owner,
        uint256 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s,
        bytes calldata calldata_,
        bytes32 orderId,
        uint256 calldataNonce,
        uint256 calldataDeadline,
        uint8 calldataV,
        bytes32 calldataR,
        bytes32 calldataS
    ) external nonReentrant {
        _requireCaller();
        Payment memory payment = Payment(orderId, originalPayer, token, amount);
        bytes4 selector = _selectorOf(calldata_);
        _check(payment, selector);
        (bytes32 ours, bytes32 goats) =
            CallbackTypedData.hashEip3009(_choice(payment, owner, calldataNonce, calldataDeadline, calldata_), nonce);
        _requireSigned(payment, nonce, ours, goats, abi.encodePacked(calldataR, calldataS, calldataV));
        uint256 held = _consume(payment, selector);
        IERC3009(token).receiveWithAuthorization(owner, address(this), amount, validAfter, validBefore, nonce, v, r, s);
        _perform(payment, held, calldata_);
    }

    /// @inheritdoc IX402Callback
    function x402SpentPermit2WithCalldata(
        address permit2,
        address token,
        address originalPayer,
        address owner,
        uint256 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature,
        bytes calldata calldata_,
        bytes32 orderId,
        uint256 calldataNonce,
        uint256 calldataDeadline,
        uint8 calldataV,
        bytes32 calldataR,
        bytes32 calldataS
    ) external nonReentrant {
        _requireCaller();
        Payment memory payment = Payment(orderId, originalPayer, token, amount);
        bytes4 selector = _selectorOf(calldata_);
        _check(payment, selector);
        _requirePermit2(permit2);
        (bytes32 ours, bytes32 goats) = CallbackTypedData.hashPermit2(
            permit2, _choice(payment, owner, calldataNonce, calldataDeadline, calldata_), nonce
        );
        _requireSigned(payment, bytes32(nonce), ours, goats, abi.encodePacked(calldataR, calldataS, calldataV));
        uint256 held = _consume(payment, selector);
        _pullByPermit2(permit2, payment, owner, nonce, deadline, signature);
        _perform(payment, held, calldata_);
    }

    /// @inheritdoc IDelegateTarget
    /// @dev The executor has the payer's signature over all of this; what it hands over is counted here all the same.
    function onPayment(bytes32 orderId, address payer, address token, uint256 amount, bytes calldata action)
        external
        nonReentrant
    {
        _requireExecutor();
        Payment memory payment = Payment(orderId, payer, token, amount);
        bytes4 selector = action.length == 0 ? BASE_ACTION : _selectorOf(action);
        _check(payment, selector);
        uint256 held = _consume(payment, selector);
        IDelegateExecutor(msg.sender).collect();
        _perform(payment, held, action);
    }

    /// @notice The base action: what a payment buys its payer. Must book or send on exactly `payment.amount`.
    function _onPayment(Payment calldata payment) internal virtual;

    /// @notice The actions that a payer may choose instead. Must book or send on exactly `payment.amount`.
    /// @dev Gets the selector, which is listed and paid for within its bounds, and the ABI-encoded arguments as the
    /// payer signed them. Compare the selector with each action there is; refuse the rest, as this default does.
    function _onCalldata(Payment calldata, bytes4 selector, bytes calldata) internal virtual {
        revert ActionNotListed(selector);
    }

    /// @inheritdoc ActionFrame
    function _act(Payment calldata payment, bytes calldata action) internal virtual override {
        if (action.length == 0) {
            _onPayment(payment);
        } else {
            _onCalldata(payment, bytes4(action), action[4:]);
        }
    }

    /// @dev What holds for every payment, whichever way it comes.
    function _check(Payment memory payment, bytes4 selector) private view {
        _requirePrice(payment.token, selector, payment.amount);
        require(payment.payer != address(0), PayerMissing(payment.orderId));
        require(!isConsumed[payment.orderId], OrderConsumed(payment.orderId));
    }

    /// @dev The effects. Returns the balance before the pull.
    function _consume(Payment memory payment, bytes4 selector) private returns (uint256 held) {
        isConsumed[payment.orderId] = true;
        emit PaymentAccepted(payment.orderId, payment.payer, payment.token, payment.amount, selector);
        return _balance(payment.token);
    }

    /// @dev The pull by Permit2, from `owner` to here and nowhere else.
    function _pullByPermit2(
        address permit2,
        Payment memory payment,
        address owner,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) private {
        IPermit2(permit2)
            .permitTransferFrom(
                IPermit2.PermitTransferFrom(IPermit2.TokenPermissions(payment.token, payment.amount), nonce, deadline),
                IPermit2.SignatureTransferDetails(address(this), payment.amount),
                owner,
                signature
            );
    }

    /// @dev What the payer must have signed, if order and deadline are as they should be.
    function _choice(
        Payment memory payment,
        address owner,
        uint256 calldataNonce,
        uint256 deadline,
        bytes calldata action
    ) private view returns (CallbackTypedData.Fields memory) {
        bytes32 orderId = payment.orderId;
        require(orderId == bytes32(calldataNonce), OrderIdMismatch(orderId, calldataNonce));
        require(block.timestamp <= deadline, DeadlinePassed(orderId, deadline));
        return CallbackTypedData.Fields(
            payment.token, owner, payment.payer, payment.amount, orderId, calldataNonce, deadline, keccak256(action)
        );
    }

    /// @dev Our struct, or GOAT's where the order id that it names is the payment's nonce.
    function _requireSigned(
        Payment memory payment,
        bytes32 paymentNonce,
        bytes32 ours,
        bytes32 goats,
        bytes memory signature
    ) private view {
        address payer = payment.payer;
        bool signed = SignatureChecker.isValidSignatureNow(payer, _hashTypedDataV4(ours), signature)
            || (paymentNonce == payment.orderId
                && SignatureChecker.isValidSignatureNow(payer, _hashTypedDataV4(goats), signature));
        require(signed, PayerSignatureInvalid(payment.orderId, payer));
    }

    /// @dev Counts the money, runs the action, counts again and compares with the books.
    function _perform(Payment memory payment, uint256 held, bytes memory action) private {
        address token = payment.token;
        uint256 received = _balance(token);
        require(
            received >= held && received - held == payment.amount,
            AmountNotReceived(payment.orderId, payment.amount, held, received)
        );
        uint256 surplus = held - _booked(token);
        _runAction(payment, action);
        uint256 left = _balance(token);
        uint256 expected = _booked(token) + surplus;
        require(left == expected, BooksOutOfBalance(token, left, expected));
    }
}
