// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {X402Callback} from "../X402Callback.sol";

/// @title A payment mints a pass that opens a door for a time.
/// @notice Base action: the pass goes to the payer. Chosen action `mintTo(address beneficiary)`: to whom the payer
/// names. Passes are ordinary ERC-721 tokens and may be sold on; each carries its expiry.
/// @dev Mints without asking the receiver (`_mint`, not `_safeMint`): a receiver's code could otherwise refuse or
/// burn the action's gas, and a pass is of use wherever its owner can be read.
contract AccessPass is X402Callback, ERC721 {
    /// @notice Selector of `mintTo(address beneficiary)`.
    bytes4 public constant MINT_TO = bytes4(keccak256("mintTo(address)"));

    /// @dev The first mint, with all its storage new, takes 117,000; those after it, 66,000.
    uint256 private constant MINT_GAS = 250_000;

    /// @notice The least that a pass costs, whatever the owner lists.
    uint256 public immutable PRICE;
    /// @notice The most that is taken for a pass: below twice the price, since two prices still buy one pass.
    uint256 public immutable MAXIMUM;
    /// @notice How many passes there will ever be.
    uint256 public immutable SUPPLY;
    /// @notice Seconds from its minting to its expiry.
    uint64 public immutable DURATION;

    /// @notice How many passes were minted; also the id of the newest.
    uint256 public minted;
    /// @notice Second at which a pass ceases to open anything.
    mapping(uint256 passId => uint64) public expiresAt;

    /// @notice The order's payment bought a pass.
    event PassMinted(bytes32 indexed orderId, address indexed payer, uint256 indexed passId, uint64 expiresAt);

    /// @notice All `supply` passes are minted.
    error SoldOut(uint256 supply);
    /// @notice A pass costs from `minimum` to `maximum`.
    error PriceNotMet(uint256 amount, uint256 minimum, uint256 maximum);

    /// @param owner who edits the lists and takes the revenue
    /// @param callers the delegate wallets, or their relayers, that hand payments in
    /// @param token what passes are paid in
    /// @param permit2 the Permit2 that payments may come through
    /// @param name_ of the ERC-721 collection
    /// @param symbol_ of the ERC-721 collection
    /// @param price of a pass, in atomic units of `token`
    /// @param supply how many passes there will ever be
    /// @param duration seconds for which a pass is valid
    constructor(
        address owner,
        address[] memory callers,
        address token,
        address permit2,
        string memory name_,
        string memory symbol_,
        uint128 price,
        uint256 supply,
        uint64 duration
    )
        X402Callback(Lists(owner, callers, _one(token), _one(permit2)), _actions(price), MINT_GAS)
        ERC721(name_, symbol_)
    {
        PRICE = price;
        MAXIMUM = 2 * uint256(price) - 1;
        SUPPLY = supply;
        DURATION = duration;
    }

    /// @notice Whether the pass exists and has not expired.
    function isValid(uint256 passId) external view returns (bool) {
        return _ownerOf(passId) != address(0) && block.timestamp < expiresAt[passId];
    }

    /// @inheritdoc X402Callback
    function _onPayment(Payment calldata payment) internal override {
        _mintPass(payment, payment.payer);
    }

    /// @inheritdoc X402Callback
    function _onCalldata(Payment calldata payment, bytes4 selector, bytes calldata arguments) internal override {
        require(selector == MINT_TO, ActionNotListed(selector));
        _mintPass(payment, abi.decode(arguments, (address)));
    }

    /// @dev The price holds here too: the owner may list other bounds, but never sell below it.
    function _mintPass(Payment calldata payment, address holder) private {
        require(payment.amount >= PRICE && payment.amount <= MAXIMUM, PriceNotMet(payment.amount, PRICE, MAXIMUM));
        require(minted < SUPPLY, SoldOut(SUPPLY));
        uint256 passId = ++minted;
        uint64 expiry = uint64(block.timestamp) + DURATION;
        expiresAt[passId] = expiry;
        emit PassMinted(payment.orderId, payment.payer, passId, expiry);
        _declareRevenue(payment.orderId, payment.token, payment.amount);
        _mint(holder, passId);
    }

    /// @dev Both actions at the price of a pass.
    function _actions(uint128 price) private pure returns (Action[] memory actions) {
        Bounds memory bounds = Bounds(price, 2 * price - 1);
        actions = new Action[](2);
        actions[0] = Action(BASE_ACTION, bounds);
        actions[1] = Action(MINT_TO, bounds);
    }

    /// @dev A list of one.
    function _one(address item) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = item;
    }
}
