// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {TwoStepOwner} from "contracts/base/TwoStepOwner.sol";
import {vm} from "./Vm.sol";

/// @title What every owned contract keeps: its owner's alone is the owner's, and the owner is replaced in two steps.
abstract contract OwnedTest {
    function test_transferOwnership_waits_for_the_new_owner(address next) public {
        address owner = _owned().owner();
        vm.assume(next != owner && next != address(0));
        vm.prank(owner);
        _owned().transferOwnership(next);
        vm.assertEq(_owned().owner(), owner);
        _assertOwnersAlone(abi.encodeCall(_owned().acceptOwnership, ()), owner);
        vm.prank(next);
        _owned().acceptOwnership();
        vm.assertEq(_owned().owner(), next);
    }

    function test_renounceOwnership_reverts() public {
        address owner = _owned().owner();
        vm.expectRevert(TwoStepOwner.OwnershipNotRenounceable.selector);
        vm.prank(owner);
        _owned().renounceOwnership();
    }

    /// @dev The contract under test.
    function _owned() internal view virtual returns (TwoStepOwner);

    /// @dev A call of the contract by somebody who may not.
    function _assertOwnersAlone(bytes memory call_, address caller) internal {
        address owned = address(_owned());
        vm.prank(caller);
        (bool success, bytes memory answer) = owned.call(call_);
        vm.assertFalse(success);
        vm.assertEq(
            keccak256(answer), keccak256(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, caller))
        );
    }
}
