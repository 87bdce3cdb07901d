// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IEIP3009Bytes} from "./interfaces/IEIP3009Bytes.sol";

/// @title Makes a smart wallet and settles its payment, in one transaction (ERC-6492).
/// @notice Anyone may submit a payment that a wallet signed before it exists: the wallet is made by its factory, and
/// then the token moves exactly what was signed. Either both happen or neither.
/// @dev Holds nothing, owns nothing, remembers nothing: send it no tokens and give it no allowance. Whatever a factory
/// does here it does as a stranger could do it at any time, so nothing is guarded against its coming back. Which
/// factories are paid for is the choice of whoever submits; here only the gas that they can burn has its limit.
contract WalletSettler {
    /// @notice A signed `transferWithAuthorization` of `token`; the signature is the wallet's own, not wrapped.
    struct Payment {
        address token;
        address from;
        address to;
        uint256 value;
        uint256 validAfter;
        uint256 validBefore;
        bytes32 nonce;
        bytes signature;
    }

    /// @notice The most gas that making a wallet may use.
    uint256 public constant DEPLOYMENT_GAS = 1_500_000;
    /// @notice The most gas that the payment itself may use, the wallet's check of its signature included.
    uint256 public constant SETTLEMENT_GAS = 500_000;

    /// @notice The factory was called, and there is still no wallet at the payer's address.
    error WalletNotMade(address wallet, address factory);

    /// @notice Make the payer's wallet, unless it is there already, and settle its payment.
    /// @dev A wallet that somebody else made in the meantime is no reason to fail. Bubbles what the token reverts with.
    /// @param factory what makes the wallet
    /// @param deployment what it is called with
    /// @param payment what is settled then
    function settle(address factory, bytes calldata deployment, Payment calldata payment) external {
        if (payment.from.code.length == 0) {
            _call(factory, deployment);
            require(payment.from.code.length != 0, WalletNotMade(payment.from, factory));
        }
        IEIP3009Bytes(payment.token).transferWithAuthorization{gas: SETTLEMENT_GAS}(
            payment.from,
            payment.to,
            payment.value,
            payment.validAfter,
            payment.validBefore,
            payment.nonce,
            payment.signature
        );
    }

    /// @dev Neither its success nor its answer counts, so neither is looked at, nor copied: what counts is the wallet.
    function _call(address factory, bytes calldata deployment) private {
        uint256 most = DEPLOYMENT_GAS;
        assembly ("memory-safe") {
            let input := mload(0x40)
            calldatacopy(input, deployment.offset, deployment.length)
            pop(call(most, factory, 0, input, deployment.length, 0, 0))
        }
    }
}
