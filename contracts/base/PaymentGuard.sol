// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {TwoStepOwner} from "./TwoStepOwner.sol";

/// @title The lists a payment must stand on: who calls, what pays, which action, for how much.
/// @notice Everything is refused that is not listed. The owner edits the lists; nobody else can.
abstract contract PaymentGuard is TwoStepOwner {
    /// @notice What an action may cost, both ends included; `maximum` 0 means that the action is not listed.
    struct Bounds {
        uint128 minimum;
        uint128 maximum;
    }

    /// @notice One listed action, for the constructor.
    struct Action {
        bytes4 selector;
        Bounds bounds;
    }

    /// @notice The initial lists.
    /// @param owner who edits them
    /// @param callers delegate wallets and their relayers
    /// @param tokens the tokens that pay
    /// @param permit2s the Permit2 deployments that may move them
    struct Lists {
        address owner;
        address[] callers;
        address[] tokens;
        address[] permit2s;
    }

    /// @notice The row of the base action, which no calldata can name.
    bytes4 public constant BASE_ACTION = 0x00000000;

    /// @notice Whether `caller` may hand in payments.
    mapping(address caller => bool) public isCaller;
    /// @notice Whether `executor` is a delegate executor that payments come from.
    mapping(address executor => bool) public isExecutor;
    /// @notice Whether payments in `token` are taken.
    mapping(address token => bool) public isToken;
    /// @notice Whether `permit2` is a Permit2 that payments may come through.
    mapping(address permit2 => bool) public isPermit2;
    /// @notice What the action behind `selector` may cost.
    mapping(bytes4 selector => Bounds) public boundsOf;

    /// @notice `caller` was listed, or struck off.
    event CallerListed(address indexed caller, bool listed);
    /// @notice `executor` was listed, or struck off.
    event ExecutorListed(address indexed executor, bool listed);
    /// @notice `token` was listed, or struck off.
    event TokenListed(address indexed token, bool listed);
    /// @notice `permit2` was listed, or struck off.
    event Permit2Listed(address indexed permit2, bool listed);
    /// @notice The action behind `selector` was listed, repriced, or struck off (`maximum` 0).
    event ActionListed(bytes4 indexed selector, uint128 minimum, uint128 maximum);

    /// @notice `caller` may not hand in payments.
    error CallerNotListed(address caller);
    /// @notice `executor` is not a delegate executor that this contract trusts.
    error ExecutorNotListed(address executor);
    /// @notice Payments in `token` are not taken.
    error TokenNotListed(address token);
    /// @notice `permit2` is not a Permit2 this contract knows.
    error Permit2NotListed(address permit2);
    /// @notice The action behind `selector` may not be asked for.
    error ActionNotListed(bytes4 selector);
    /// @notice `amount` is outside of what the action behind `selector` costs.
    error AmountOutOfBounds(bytes4 selector, uint256 amount, uint256 minimum, uint256 maximum);
    /// @notice Bounds need 0 < `minimum` <= `maximum`, or both 0 to strike the action off.
    error BoundsInvalid(uint256 minimum, uint256 maximum);
    /// @notice Calldata of `length` bytes has no selector.
    error CalldataTooShort(uint256 length);

    constructor(Lists memory lists, Action[] memory actions) Ownable(lists.owner) {
        for (uint256 i; i < lists.callers.length; ++i) {
            _listCaller(lists.callers[i], true);
        }
        for (uint256 i; i < lists.tokens.length; ++i) {
            _listToken(lists.tokens[i], true);
        }
        for (uint256 i; i < lists.permit2s.length; ++i) {
            _listPermit2(lists.permit2s[i], true);
        }
        for (uint256 i; i < actions.length; ++i) {
            _listAction(actions[i].selector, actions[i].bounds);
        }
    }

    /// @notice List `caller`, or strike it off.
    function listCaller(address caller, bool listed) external onlyOwner {
        _listCaller(caller, listed);
    }

    /// @notice List `executor`, or strike it off.
    /// @dev Its word is believed for who paid and what the payer chose; for the money this contract counts itself.
    function listExecutor(address executor, bool listed) external onlyOwner {
        isExecutor[executor] = listed;
        emit ExecutorListed(executor, listed);
    }

    /// @notice List `token`, or strike it off.
    function listToken(address token, bool listed) external onlyOwner {
        _listToken(token, listed);
    }

    /// @notice List `permit2`, or strike it off.
    function listPermit2(address permit2, bool listed) external onlyOwner {
        _listPermit2(permit2, listed);
    }

    /// @notice List the action behind `selector`, change its price, or strike it off with bounds of (0, 0).
    /// @dev Listing a selector that the contract has no action for lets nothing through: the dispatch refuses it.
    function listAction(bytes4 selector, Bounds calldata bounds) external onlyOwner {
        _listAction(selector, bounds);
    }

    /// @dev Reverts unless the sender is listed.
    function _requireCaller() internal view {
        require(isCaller[msg.sender], CallerNotListed(msg.sender));
    }

    /// @dev Reverts unless the sender is a listed executor.
    function _requireExecutor() internal view {
        require(isExecutor[msg.sender], ExecutorNotListed(msg.sender));
    }

    /// @dev Reverts unless `permit2` is listed.
    function _requirePermit2(address permit2) internal view {
        require(isPermit2[permit2], Permit2NotListed(permit2));
    }

    /// @dev Reverts unless `amount` of `token` is a price of the action behind `selector`.
    function _requirePrice(address token, bytes4 selector, uint256 amount) internal view {
        require(isToken[token], TokenNotListed(token));
        Bounds memory bounds = boundsOf[selector];
        require(bounds.maximum != 0, ActionNotListed(selector));
        require(
            amount >= bounds.minimum && amount <= bounds.maximum,
            AmountOutOfBounds(selector, amount, bounds.minimum, bounds.maximum)
        );
    }

    /// @dev The selector of `action`; the base action cannot be named this way.
    function _selectorOf(bytes calldata action) internal pure returns (bytes4 selector) {
        require(action.length >= 4, CalldataTooShort(action.length));
        selector = bytes4(action);
        require(selector != BASE_ACTION, ActionNotListed(selector));
    }

    function _listCaller(address caller, bool listed) private {
        isCaller[caller] = listed;
        emit CallerListed(caller, listed);
    }

    function _listToken(address token, bool listed) private {
        isToken[token] = listed;
        emit TokenListed(token, listed);
    }

    function _listPermit2(address permit2, bool listed) private {
        isPermit2[permit2] = listed;
        emit Permit2Listed(permit2, listed);
    }

    function _listAction(bytes4 selector, Bounds memory bounds) private {
        bool struckOff = bounds.minimum == 0 && bounds.maximum == 0;
        require(
            struckOff || (bounds.minimum != 0 && bounds.minimum <= bounds.maximum),
            BoundsInvalid(bounds.minimum, bounds.maximum)
        );
        boundsOf[selector] = bounds;
        emit ActionListed(selector, bounds.minimum, bounds.maximum);
    }
}
