// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {LowLevelCall} from "@openzeppelin/contracts/utils/LowLevelCall.sol";
import {IEIP3009Bytes} from "./interfaces/IEIP3009Bytes.sol";

/// @title Many EIP-3009 payments in one transaction, each on its own feet.
/// @notice Anyone may submit any signed `transferWithAuthorization`s of one token. Each item either moves exactly its
/// amount to its payee or moves nothing, whatever its neighbours do; one {SettlementResult} per item tells which.
/// @dev Holds nothing, owns nothing, remembers nothing. Items are packed one after the other, all big-endian:
///
/// | bytes | member          |                                                                    |
/// |------:|-----------------|--------------------------------------------------------------------|
/// |    20 | from            | the authorizer                                                     |
/// |    20 | to              | the payee                                                          |
/// |    16 | value           | atomic units                                                       |
/// |     6 | validAfter      | seconds                                                            |
/// |     6 | validBefore     | seconds                                                            |
/// |    32 | nonce           |                                                                    |
/// |     2 | signatureLength | 0: `r, s, v` follow (65 bytes) for the token's (v, r, s) form;     |
/// |       |                 | n: n bytes follow for the token's `bytes` form (ERC-1271 wallets)  |
/// |  65/n | signature       |                                                                    |
contract BatchSettler {
    /// @dev Length of an item up to its signature.
    uint256 private constant HEAD = 102;
    /// @dev Length of a signature in the (v, r, s) form.
    uint256 private constant VRS = 65;
    /// @dev No balance: more than any token can have.
    uint256 private constant UNKNOWN = type(uint256).max;
    /// @dev Gas kept back for the result of an item.
    uint256 private constant RESULT_GAS = 5_000;

    /// @notice Item `index` of the batch moved its money (`success`), or nothing happened.
    /// @dev Anyone may settle anything in any token here: believe the results of your own transactions.
    event SettlementResult(uint256 index, address indexed authorizer, bytes32 indexed nonce, bool success);

    /// @notice The item at `offset` of the batch is cut short.
    error ItemTruncated(uint256 offset);
    /// @notice The transaction leaves an item less than the gas promised to it; so nothing was settled.
    error BatchGasTooLow(uint256 available, uint256 required);
    /// @notice The token refused the transfer.
    error TransferFailed(address token);
    /// @notice The payee's balance went from `before` to `afterwards`, which is not by `value`.
    error AmountNotReceived(uint256 value, uint256 before, uint256 afterwards);
    /// @notice Only this contract settles a single item.
    error OnlySelf(address caller);

    /// @notice Settle a batch of authorizations of `token`.
    /// @dev Cheapest with items of one payee next to each other.
    /// @param token what every item pays in
    /// @param itemGas the most gas that one item may use; while items remain, that much must be left
    /// @param items packed as above
    /// @return settled how many items moved their money
    function settle(address token, uint256 itemGas, bytes calldata items) external returns (uint256 settled) {
        uint256 index;
        uint256 offset;
        address payee;
        uint256 balance = UNKNOWN;
        while (offset < items.length) {
            bytes calldata item = _itemAt(items, offset);
            if (_to(item) != payee) (payee, balance) = (_to(item), UNKNOWN);
            bool success;
            (success, balance) = _trySettle(token, itemGas, balance, item);
            emit SettlementResult(index, _from(item), _nonce(item), success);
            unchecked {
                if (success) ++settled;
                ++index;
                offset += item.length;
            }
        }
    }

    /// @notice Settle one item or revert; this contract calls it on itself, so that a failure undoes the item alone.
    /// @param token what it pays in
    /// @param before the payee's balance if the item before left it known, else the highest number
    /// @param item packed as above
    /// @return balance the payee's balance now
    function settleItem(address token, uint256 before, bytes calldata item) external returns (uint256 balance) {
        require(msg.sender == address(this), OnlySelf(msg.sender));
        address to = _to(item);
        uint256 value = _word(item, 40) >> 128;
        if (before == UNKNOWN) before = IERC20(token).balanceOf(to);
        require(LowLevelCall.callNoReturn(token, _transferCall(item)), TransferFailed(token));
        balance = IERC20(token).balanceOf(to);
        require(balance - before == value, AmountNotReceived(value, before, balance));
    }

    /// @dev {settleItem} in a frame of its own. Returns the payee's balance, the one given where the frame failed.
    function _trySettle(address token, uint256 itemGas, uint256 before, bytes calldata item)
        private
        returns (bool success, uint256 afterwards)
    {
        bytes memory call_ = abi.encodeCall(this.settleItem, (token, before, item));
        // A call gets at most 63/64 of what is left: insist on so much that 63/64 of it is the whole of itemGas.
        uint256 required = itemGas + itemGas / 63 + RESULT_GAS;
        require(gasleft() >= required, BatchGasTooLow(gasleft(), required));
        assembly ("memory-safe") {
            success := call(itemGas, address(), 0, add(call_, 0x20), mload(call_), 0, 0x20)
            afterwards := before
            if success { afterwards := mload(0) }
        }
    }

    /// @dev The item as calldata of the token's `transferWithAuthorization`, in the form that the item asks for.
    /// By hand, because the compiler's own encoding of it costs as much as reading a balance.
    function _transferCall(bytes calldata item) private pure returns (bytes memory data) {
        uint256 length = _signatureLength(item);
        bytes4 selector = length == 0
            ? IERC3009.transferWithAuthorization.selector
            : IEIP3009Bytes.transferWithAuthorization.selector;
        assembly ("memory-safe") {
            let start := item.offset
            data := mload(0x40)
            mstore(add(data, 0x20), selector)
            mstore(add(data, 0x24), shr(96, calldataload(start))) // from
            mstore(add(data, 0x44), shr(96, calldataload(add(start, 20)))) // to
            mstore(add(data, 0x64), shr(128, calldataload(add(start, 40)))) // value
            mstore(add(data, 0x84), shr(208, calldataload(add(start, 56)))) // validAfter
            mstore(add(data, 0xa4), shr(208, calldataload(add(start, 62)))) // validBefore
            mstore(add(data, 0xc4), calldataload(add(start, 68))) // nonce
            switch length
            case 0 {
                mstore(add(data, 0xe4), byte(0, calldataload(add(start, 166)))) // v
                calldatacopy(add(data, 0x104), add(start, HEAD), 64) // r, s
                mstore(data, 0x124)
                mstore(0x40, add(data, 0x160))
            }
            default {
                mstore(add(data, 0xe4), 0xe0) // where the signature's length is
                mstore(add(data, 0x104), length)
                let padded := and(add(length, 0x1f), not(0x1f))
                mstore(add(add(data, 0x104), padded), 0) // the last word's padding
                calldatacopy(add(data, 0x124), add(start, HEAD), length)
                mstore(data, add(0x104, padded))
                mstore(0x40, add(data, add(0x140, padded)))
            }
        }
    }

    /// @dev The item that begins at `offset`, found whole.
    function _itemAt(bytes calldata items, uint256 offset) private pure returns (bytes calldata item) {
        item = items[offset:];
        uint256 length = _signatureLength(item);
        unchecked {
            length = HEAD + (length == 0 ? VRS : length);
        }
        require(length <= item.length, ItemTruncated(offset));
        item = item[:length];
    }

    function _from(bytes calldata item) private pure returns (address) {
        return address(uint160(_word(item, 0) >> 96));
    }

    function _to(bytes calldata item) private pure returns (address) {
        return address(uint160(_word(item, 20) >> 96));
    }

    function _nonce(bytes calldata item) private pure returns (bytes32) {
        return bytes32(_word(item, 68));
    }

    function _signatureLength(bytes calldata item) private pure returns (uint256) {
        return _word(item, 100) >> 240;
    }

    /// @dev The 32 bytes from `position` on. Behind the item lies whatever follows it: see that it is whole first.
    function _word(bytes calldata item, uint256 position) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(item.offset, position))
        }
    }
}
