// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title The smallest honest smart wallet: one key signs for it.
contract SmartWallet is IERC1271 {
    /// @notice Whose signatures are this wallet's.
    address public immutable SIGNER;

    /// @param signer whose signatures are this wallet's
    constructor(address signer) {
        SIGNER = signer;
    }

    /// @inheritdoc IERC1271
    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecover(hash, signature);
        bool isOurs = failure == ECDSA.RecoverError.NoError && signer == SIGNER;
        return isOurs ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}
