// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

/// @title The smallest honest smart wallet: one key signs for it, for this wallet on this chain and for no other.
/// @notice A hash that it is asked about may not say whose account is meant (Permit2's does not). So the key signs the
/// hash within the wallet's own EIP-712 domain, and a signature for one wallet of a key is none for its others.
contract SmartWallet is IERC1271, EIP712 {
    bytes32 private constant MESSAGE_TYPEHASH = keccak256("WalletMessage(bytes32 hash)");

    /// @notice Whose signatures are this wallet's.
    address public immutable SIGNER;

    /// @notice Only the signer has the wallet do something.
    error OnlySigner(address caller);

    /// @param signer whose signatures are this wallet's
    constructor(address signer) EIP712("Paddock Smart Wallet", "1") {
        SIGNER = signer;
    }

    /// @notice Call `target` as this wallet; bubbles what it reverts with.
    function execute(address target, bytes calldata data) external returns (bytes memory) {
        require(msg.sender == SIGNER, OnlySigner(msg.sender));
        return Address.functionCall(target, data);
    }

    /// @inheritdoc IERC1271
    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecover(digestOf(hash), signature);
        bool isOurs = failure == ECDSA.RecoverError.NoError && signer == SIGNER;
        return isOurs ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }

    /// @notice What the key signs so that the wallet signs `hash`: EIP-712 `WalletMessage(bytes32 hash)`.
    function digestOf(bytes32 hash) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(MESSAGE_TYPEHASH, hash)));
    }
}
