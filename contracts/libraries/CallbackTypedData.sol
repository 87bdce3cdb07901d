// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title What a payer signs to choose an action: GOAT's structs, and ours that also name the payment.
/// @notice Domain: name "GoatX402 Pay Callback", version "1", chain id, the callback contract. GOAT's structs do not
/// name the payment that the action spends, so whoever holds two payments of one payer could swap them. Ours are
/// GOAT's with `paymentNonce`, the nonce of the pull, at the end.
library CallbackTypedData {
    /// @dev GOAT's struct for a pull by EIP-3009.
    bytes32 internal constant EIP3009_DATA = keccak256(
        "Eip3009CallbackData(address token,address owner,address payer,uint256 amount,bytes32 orderId,"
        "uint256 calldataNonce,uint256 deadline,bytes32 calldataHash)"
    );
    /// @dev GOAT's struct for a pull by Permit2.
    bytes32 internal constant PERMIT2_DATA = keccak256(
        "Permit2CallbackData(address permit2,address token,address owner,address payer,uint256 amount,bytes32 orderId,"
        "uint256 calldataNonce,uint256 deadline,bytes32 calldataHash)"
    );
    /// @dev Our struct for a pull by EIP-3009.
    bytes32 internal constant EIP3009_PAYMENT = keccak256(
        "Eip3009CallbackPayment(address token,address owner,address payer,uint256 amount,bytes32 orderId,"
        "uint256 calldataNonce,uint256 deadline,bytes32 calldataHash,bytes32 paymentNonce)"
    );
    /// @dev Our struct for a pull by Permit2.
    bytes32 internal constant PERMIT2_PAYMENT = keccak256(
        "Permit2CallbackPayment(address permit2,address token,address owner,address payer,uint256 amount,"
        "bytes32 orderId,uint256 calldataNonce,uint256 deadline,bytes32 calldataHash,uint256 paymentNonce)"
    );

    /// @notice The members that all four structs share, in their order.
    struct Fields {
        address token;
        address owner;
        address payer;
        uint256 amount;
        bytes32 orderId;
        uint256 calldataNonce;
        uint256 deadline;
        bytes32 calldataHash;
    }

    /// @notice Struct hashes of one choice of action for a pull by EIP-3009.
    /// @return payment of our struct
    /// @return data of GOAT's
    function hashEip3009(Fields memory fields, bytes32 paymentNonce)
        internal
        pure
        returns (bytes32 payment, bytes32 data)
    {
        bytes memory encoded = abi.encode(fields);
        payment = keccak256(bytes.concat(EIP3009_PAYMENT, encoded, paymentNonce));
        data = keccak256(bytes.concat(EIP3009_DATA, encoded));
    }

    /// @notice Struct hashes of one choice of action for a pull by Permit2.
    /// @return payment of our struct
    /// @return data of GOAT's
    function hashPermit2(address permit2, Fields memory fields, uint256 paymentNonce)
        internal
        pure
        returns (bytes32 payment, bytes32 data)
    {
        bytes memory encoded = abi.encode(permit2, fields);
        payment = keccak256(bytes.concat(PERMIT2_PAYMENT, encoded, bytes32(paymentNonce)));
        data = keccak256(bytes.concat(PERMIT2_DATA, encoded));
    }
}
