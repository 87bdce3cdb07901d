// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

/// @title An owner who is replaced in two steps and is never nobody.
abstract contract TwoStepOwner is Ownable2Step {
    /// @notice Without an owner, revenue could never be paid out nor a list be mended.
    error OwnershipNotRenounceable();

    /// @notice Refused.
    function renounceOwnership() public view override(Ownable) onlyOwner {
        revert OwnershipNotRenounceable();
    }
}
