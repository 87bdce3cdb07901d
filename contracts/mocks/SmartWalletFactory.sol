// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {SmartWallet} from "./SmartWallet.sol";

/// @title Makes smart wallets at addresses that are known, and can be paid to, before they exist (ERC-6492).
contract SmartWalletFactory {
    /// @notice `wallet` of `owner` is there now.
    event WalletDeployed(address indexed wallet, address indexed owner, bytes32 salt);

    /// @notice Deploy the wallet of `owner` and `salt`; if it is there already, nothing happens.
    /// @dev Anyone may: the address depends on the owner, so nobody else's wallet can come to be there.
    function deploy(address owner, bytes32 salt) external returns (address wallet) {
        wallet = addressOf(owner, salt);
        if (wallet.code.length != 0) return wallet;
        new SmartWallet{salt: salt}(owner);
        emit WalletDeployed(wallet, owner, salt);
    }

    /// @notice Where the wallet of `owner` and `salt` is, or will be.
    function addressOf(address owner, bytes32 salt) public view returns (address) {
        bytes memory code = bytes.concat(type(SmartWallet).creationCode, abi.encode(owner));
        return Create2.computeAddress(salt, keccak256(code));
    }
}
