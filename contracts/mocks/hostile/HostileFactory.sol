// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SmartWalletFactory} from "../SmartWalletFactory.sol";

/// @title Crime: is asked to make a wallet, and does something else, or something more.
contract HostileFactory is SmartWalletFactory {
    /// @notice Makes nothing, and says that it did.
    function makeNothing(address owner, bytes32 salt) external view returns (address) {
        return addressOf(owner, salt);
    }

    /// @notice Reverts with a hundred kilobytes.
    function makeReturnBomb() external pure {
        assembly ("memory-safe") {
            revert(0, 100000)
        }
    }

    /// @notice Uses all gas that there is.
    function makeHeat() external pure {
        while (true) {}
    }

    /// @notice Makes the wallet, then calls whatever it is told: the settler again, or a token.
    function makeAndCall(address owner, bytes32 salt, address target, bytes calldata data) external {
        this.deploy(owner, salt);
        (bool success, bytes memory answer) = target.call(data);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }
}
