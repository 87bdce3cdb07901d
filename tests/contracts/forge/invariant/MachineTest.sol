// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title A machine whose functions forge calls at random, whatever order it likes.
abstract contract MachineTest {
    bool public constant IS_TEST = true;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// @notice The contracts that forge calls.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = _machine();
    }

    /// @notice Which of their functions it calls.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(_machine(), _doors());
    }

    function _machine() internal view virtual returns (address);

    function _doors() internal pure virtual returns (bytes4[] memory);
}
