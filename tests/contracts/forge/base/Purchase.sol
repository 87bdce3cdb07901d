// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DelegateExecutor} from "contracts/DelegateExecutor.sol";

/// @notice The three entries of a delegate executor.
enum Way {
    Eip3009,
    Eip3009Bytes,
    Permit2
}

/// @notice Everything that is handed to an executor, and who hands it in.
struct Purchase {
    Way way;
    address executor;
    address caller;
    DelegateExecutor.DelegatePayment payment;
    bytes signature;
}
