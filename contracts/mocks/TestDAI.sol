// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title The devnet's token of 18 decimals that knows no EIP-3009: it is paid with by Permit2.
/// @dev Never for a chain where anything has value: {mint} is open. Version of its EIP-712 domain: "1".
contract TestDAI is ERC20Permit {
    constructor() ERC20("Dai Stablecoin", "DAI") ERC20Permit("Dai Stablecoin") {}

    /// @notice The faucet: anyone may give anyone any amount of nothing.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
