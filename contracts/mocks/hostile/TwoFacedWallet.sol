// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @title Crime: has signed when asked with little gas, as a verifier asks, and has not when asked with more.
contract TwoFacedWallet is IERC1271 {
    /// @notice With less gas than this, the answer is yes.
    uint256 public immutable LITTLE;

    /// @param little with less gas than this, the answer is yes
    constructor(uint256 little) {
        LITTLE = little;
    }

    /// @inheritdoc IERC1271
    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        return gasleft() < LITTLE ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}
