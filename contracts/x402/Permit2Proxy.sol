// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IPermit2} from "../interfaces/IPermit2.sol";

/// @title What the two x402 proxies share: the payer signs for Permit2 where the money goes, and the proxy sees to it.
/// @notice Permit2 alone lets its spender choose the recipient. These spenders have no choice: the recipient and the
/// earliest time stand in the witness, which the payer's signature covers. Anyone may call; nothing is held here.
/// @dev No constructor, no storage, no immutables: the runtime code works at any address that it is put to.
abstract contract Permit2Proxy is ReentrancyGuardTransient {
    /// @notice Permit2, where it is on every chain.
    IPermit2 public constant PERMIT2 = IPermit2(0x000000000022D473030F116dDEE9F6B43aC78BA3);

    /// @notice An EIP-2612 permit of the token, from the payer to Permit2.
    struct EIP2612Permit {
        uint256 value;
        uint256 deadline;
        bytes32 r;
        bytes32 s;
        uint8 v;
    }

    /// @notice A payment was settled with an allowance that Permit2 had before.
    event Settled();
    /// @notice A payment was settled that brought an EIP-2612 permit along.
    event SettledWithPermit();

    /// @notice The witness names no recipient.
    error InvalidDestination();
    /// @notice There is no payer.
    error InvalidOwner();
    /// @notice The witness's `validAfter` has not come.
    error PaymentTooEarly();
    /// @notice The EIP-2612 permit is for another amount than the payment may take.
    error Permit2612AmountMismatch();

    /// @dev Approves Permit2 by the payer's EIP-2612 permit.
    /// Anyone may submit that permit alone first, and then it fails here, with the allowance given: so a failure says
    /// nothing, and Permit2 finds out whether the allowance is there. What it fails with is not copied.
    function _approvePermit2(IPermit2.TokenPermissions calldata permitted, address owner, EIP2612Permit calldata p)
        internal
    {
        require(p.value == permitted.amount, Permit2612AmountMismatch());
        try IERC20Permit(permitted.token).permit(owner, address(PERMIT2), p.value, p.deadline, p.v, p.r, p.s) {}
            catch {}
    }

    /// @dev Moves `amount` from `owner` to `to` if the payer signed for it, for this spender and for the witness.
    function _transfer(
        IPermit2.PermitTransferFrom calldata permit,
        uint256 amount,
        address owner,
        address to,
        uint256 validAfter,
        bytes32 witnessHash,
        string memory witnessType,
        bytes calldata signature
    ) internal {
        require(to != address(0), InvalidDestination());
        require(owner != address(0), InvalidOwner());
        require(block.timestamp >= validAfter, PaymentTooEarly());
        IPermit2.SignatureTransferDetails memory details = IPermit2.SignatureTransferDetails(to, amount);
        PERMIT2.permitWitnessTransferFrom(permit, details, owner, witnessHash, witnessType, signature);
    }
}
