// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice The four entries of a callback.
enum Entry {
    Eip3009,
    Permit2,
    Eip3009WithCalldata,
    Permit2WithCalldata
}

/// @notice Everything that is handed to an entry, and who hands it in.
struct Request {
    Entry entry;
    address callback;
    address caller;
    address permit2;
    address token;
    address payer;
    address owner;
    uint256 amount;
    uint256 validAfter;
    uint256 validBefore;
    bytes32 nonce;
    bytes pull;
    bytes action;
    bytes32 orderId;
    uint256 calldataNonce;
    uint256 calldataDeadline;
    bytes choice;
}
