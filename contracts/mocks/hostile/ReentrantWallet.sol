// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @title Crime: calls whoever it is told to when asked for its signature, and has signed if that goes through.
contract ReentrantWallet {
    address private _target;
    bytes private _call;

    /// @notice Call `target` with `data` when asked.
    function arm(address target, bytes calldata data) external {
        (_target, _call) = (target, data);
    }

    /// @notice Call whatever is to be called, as a wallet's owner would.
    function execute(address target, bytes calldata data) external {
        (bool success,) = target.call(data);
        require(success);
    }

    /// @notice Yes, if the call goes through.
    function isValidSignature(bytes32, bytes calldata) external returns (bytes4) {
        (bool success,) = _target.call(_call);
        return success ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}
