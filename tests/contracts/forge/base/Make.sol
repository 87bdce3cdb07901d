// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {vm} from "./Vm.sol";

/// @title Deploys contracts from forge's artifacts.
/// @dev `new` would compile each contract's code again into every suite that makes one.
library Make {
    /// @notice A contract without arguments.
    function it(string memory name) internal returns (address) {
        return it(name, "");
    }

    /// @notice A contract with ABI-encoded arguments; reverts with what its constructor reverts with.
    function it(string memory name, bytes memory arguments) internal returns (address made) {
        bytes memory code = bytes.concat(vm.getCode(string.concat(name, ".sol:", name)), arguments);
        assembly ("memory-safe") {
            made := create(0, add(code, 0x20), mload(code))
            if iszero(made) {
                returndatacopy(code, 0, returndatasize())
                revert(code, returndatasize())
            }
        }
    }
}
